// The form of the observation. Its fields and class words come from the contract, by the page's template.
//
// An input shows a value in the unit that people chose; ``sent`` has it in the contract's. A value that
// nobody has edited is sent as it was, whatever it is shown in.

import { chooseUnits, hasAmerican, isAmerican, scaleOf, toSent, toShown } from "./units.js";
import { direction, number } from "./words.js";

export const form = document.getElementById("form");
export const { negative, positive } = form.dataset;
export const numbers = [...form.querySelectorAll("input[type=number]")];
export const switches = [...form.querySelectorAll("input[role=switch]")];

const named = [...form.querySelectorAll(".field input[name]")]; // in the order of the contract
const by = (key, selector) => Object.fromEntries([...form.querySelectorAll(selector)].map((e) => [e.dataset[key], e]));
const sliders = by("for", "input[type=range]");
const unmeasured = by("unmeasured", "[data-unmeasured]");

const sent = Object.fromEntries(numbers.map((input) => [input.name, input.valueAsNumber]));

export const field = (name) => named.find((input) => input.name === name);
const scale = (input) => scaleOf(input.dataset);
const part = (input, name) => input.closest(".field").querySelector(name);

// The observation in the form. An empty field is left out; the service then says that it is missing, or
// forecasts without it if the model can.
export function observation() {
  const filled = named.filter((input) => input.type === "checkbox" || input.value !== "");
  const value = (input) => (input.type === "checkbox" ? Number(input.checked) : sent[input.name]);
  return Object.fromEntries(filled.map((input) => [input.name, value(input)]));
}

export function fill(values) {
  for (const input of named) {
    if (input.type === "checkbox") input.checked = values[input.name] === 1;
    else show(input, values[input.name]);
  }
}

// Put a value of the contract's unit into an input.
function show(input, value) {
  sent[input.name] = value;
  const shown = toShown(value, scale(input));
  input.value = isAmerican(input.dataset) ? Number(shown.toPrecision(4)) : shown;
}

// A value, given in the contract's unit, with the unit in which it is shown.
export function withUnit(name, value, digits) {
  const input = field(name);
  return shownWithUnit(input, toShown(value, scale(input)), digits);
}

// A value that is given in the unit in which it is shown.
export function shownWithUnit(input, value, digits) {
  const { unit } = scale(input);
  if (unit === "degree") return `${number(value, digits)}°`;
  return number(value, digits) + (unit === "" ? "" : " ") + unit;
}

const compass = (input) => part(input, ".compass");
export const isDirection = (name) => compass(field(name)) !== null;

const span = (input, low, high) => {
  const shown = [low, high].map((end) => number(toShown(end, scale(input))));
  const { unit } = scale(input);
  return shown.join(" … ") + (unit === "%" ? " %" : "");
};

export const accepted = (input) => span(input, Number(input.dataset.low), Number(input.dataset.high));
export const isConverted = (input) => scale(input).factor !== 1;
export const unitName = (input) => scale(input).unit;

const training = (input, model) => model.features.find((feature) => feature.name === input.name)?.training;

// Units, limits and sliders of all fields. A slider spans the training range, where weather is; the number
// beside it takes all that the service accepts.
export function setScales(model) {
  for (const input of numbers) {
    const { step, unit } = scale(input);
    const { low, high } = input.dataset;
    const trained = training(input, model);
    const ends = trained && !isDirection(input.name) && trained.minimum < trained.maximum ? trained : { minimum: Number(low), maximum: Number(high) };
    const slider = sliders[input.name];
    const toStep = (value, round) => Number((round(Number((toShown(value, scale(input)) / step).toFixed(6))) * step).toPrecision(12));
    slider.min = toStep(ends.minimum, Math.floor);
    slider.max = toStep(ends.maximum, Math.ceil);
    slider.step = step;
    input.step = step;
    input.min = toShown(Number(low), scale(input));
    input.max = toShown(Number(high), scale(input));
    part(input, ".unit").textContent = unit === "degree" ? "degrees" : unit;
    part(input, ".limits").textContent = accepted(input);
    const note = part(input, ".note");
    if (note) note.hidden = isConverted(input);
    if (input.value !== "") show(input, sent[input.name]);
  }
}

// Make sliders, compasses and hints follow the numbers.
export function follow(model) {
  for (const input of numbers) {
    const slider = sliders[input.name];
    const value = sent[input.name];
    if (input.value !== "") slider.value = input.value;
    const share = (slider.value - slider.min) / (slider.max - slider.min);
    slider.style.setProperty("--value", `${100 * share}%`);
    slider.setAttribute("aria-valuetext", input.value === "" ? "not measured" : sliderText(input, value));
    unmeasured[input.name].checked = input.value === "";
    const trained = training(input, model);
    const { low, high } = input.dataset;
    const valid = input.value !== "" && value >= Number(low) && value <= Number(high);
    const hint = part(input, ".seen");
    const beyond = Boolean(trained) && valid && (value < trained.minimum || value > trained.maximum);
    hint.classList.toggle("beyond", beyond);
    const seen = trained && span(input, trained.minimum, trained.maximum);
    if (beyond) hint.textContent = `; not in the training data, which had ${seen}`;
    else if (trained && (trained.minimum > low || trained.maximum < high)) hint.textContent = `; in training ${seen}`;
    else hint.textContent = "";
    const as = part(input, ".sent");
    as.textContent = isConverted(input) && input.value !== "" ? `; sent as ${value}${contractUnit(input)}` : "";
    if (isDirection(input.name) && valid) {
      part(input, ".needle").setAttribute("transform", `rotate(${value})`);
      part(input, ".point").textContent = `${direction(value)}; `;
    }
  }
}

const contractUnit = ({ dataset: { unit } }) => (unit === "1" ? "" : ` ${unit}`);
const sliderText = (input, value) => (isDirection(input.name) ? `${value} degrees, ${direction(value)}` : withUnit(input.name, value));

// Let people say that they do not measure what the model can do without.
export function showOptional(model) {
  for (const name of model.optional) {
    if (!unmeasured[name]) continue;
    unmeasured[name].parentElement.hidden = false;
    field(name).required = false;
  }
}

// ``changed`` is called when a value changes, with ``true`` if the change is complete.
export function onChange(changed) {
  const edited = (input, complete) => {
    sent[input.name] = toSent(input.valueAsNumber, scale(input));
    changed(complete);
  };
  for (const input of numbers) {
    const slider = sliders[input.name];
    input.addEventListener("input", () => edited(input, false));
    input.addEventListener("change", () => changed(true));
    slider.addEventListener("input", () => {
      input.value = slider.value;
      edited(input, true);
    });
    const box = unmeasured[input.name];
    box.addEventListener("change", () => {
      input.value = box.checked ? "" : slider.value;
      edited(input, true);
    });
    compass(input)?.addEventListener("pointerdown", (event) => {
      const box = event.currentTarget.getBoundingClientRect();
      const east = event.clientX - box.left - box.width / 2;
      const south = event.clientY - box.top - box.height / 2;
      input.value = Math.round(((Math.atan2(east, -south) * 180) / Math.PI + 360) % 360);
      edited(input, true);
    });
  }
  for (const input of switches) input.addEventListener("change", () => changed(true));
}

// Show the choice of units if it changes anything; ``changed`` is called after each choice.
export function onUnits(changed) {
  const choice = document.getElementById("units");
  choice.hidden = !hasAmerican(numbers.map((input) => input.dataset.unit));
  choice.addEventListener("change", (event) => {
    chooseUnits(event.target.value);
    changed();
  });
}
