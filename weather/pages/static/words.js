// Numbers, directions and class words for people.

export const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.095 ? 1 : 0)}\u00a0%`;

export const number = (value, digits = 4) =>
  String(Number(value.toPrecision(digits))).replace("-", "−");

const POINTS = [
  "north", "north-north-east", "north-east", "east-north-east",
  "east", "east-south-east", "south-east", "south-south-east",
  "south", "south-south-west", "south-west", "west-south-west",
  "west", "west-north-west", "north-west", "north-north-west",
];

export const direction = (degrees) => POINTS[Math.round(degrees / 22.5) % 16];

// A class word of the contract, which may have underscores: within a sentence, and at its beginning.
export const lower = (label) => label.replaceAll("_", " ").toLowerCase();
export const upper = (label) => lower(label).replace(/^./, (first) => first.toUpperCase());
