// The units in which the page shows values. The service is always sent those of the contract.

const KM_PER_MILE = 1.609344;
const HPA_PER_INCH = 33.86389; // of mercury, NIST SP 811

// From the contract's unit: another, the factor and shift that convert to it, the step of an input.
const AMERICAN = {
  "°C": { unit: "°F", factor: 1.8, shift: 32, step: 1 },
  "km/h": { unit: "mph", factor: 1 / KM_PER_MILE, shift: 0, step: 1 },
  km: { unit: "mi", factor: 1 / KM_PER_MILE, shift: 0, step: 0.1 },
  mbar: { unit: "inHg", factor: 1 / HPA_PER_INCH, shift: 0, step: 0.01 },
};

let american = false;

export const isAmerican = ({ unit }) => american && unit in AMERICAN;
export const hasAmerican = (units) => units.some((unit) => unit in AMERICAN);

export function chooseUnits(name) {
  american = name === "american";
}

// How the values of an input are shown: unit, factor, shift, step. Fractions are shown as percentages.
export function scaleOf({ unit, low, high, step }) {
  if (unit === "1" && Number(low) === 0 && Number(high) === 1) {
    return { unit: "%", factor: 100, shift: 0, step: Number((100 * step).toPrecision(12)) };
  }
  const shown = unit === "1" ? "" : unit;
  return isAmerican({ unit }) ? AMERICAN[unit] : { unit: shown, factor: 1, shift: 0, step: Number(step) };
}

// To twelve digits, so that 92.28 % is 0.9228 and not 0.9228000000000001.
const rounded = (value) => Number(value.toPrecision(12));

export const toShown = (value, { factor, shift }) => rounded(value * factor + shift);
export const toSent = (value, { factor, shift }) => rounded((value - shift) / factor);
