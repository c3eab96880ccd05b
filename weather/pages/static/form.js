// The form of the observation. Its fields and class words come from the contract, by the page's template.

import { direction, number } from "./words.js";

export const form = document.getElementById("form");
export const { negative, positive } = form.dataset;
export const numbers = [...form.querySelectorAll("input[type=number]")];
export const switches = [...form.querySelectorAll("input[role=switch]")];

const named = [...form.querySelectorAll("input[name]")]; // in the order of the contract
const sliders = Object.fromEntries(
  [...form.querySelectorAll("input[type=range]")].map((slider) => [slider.dataset.for, slider]),
);

const unmeasured = Object.fromEntries(
  [...form.querySelectorAll("[data-unmeasured]")].map((box) => [box.dataset.unmeasured, box]),
);

export const field = (name) => named.find((input) => input.name === name);

// The observation in the form. An empty field is left out; the service then says that it is missing, or
// forecasts without it if the model can.
export function observation() {
  const filled = named.filter((input) => input.type === "checkbox" || input.value !== "");
  const value = (input) => (input.type === "checkbox" ? Number(input.checked) : input.valueAsNumber);
  return Object.fromEntries(filled.map((input) => [input.name, value(input)]));
}

export function fill(values) {
  for (const input of named) {
    if (input.type === "checkbox") input.checked = values[input.name] === 1;
    else input.value = values[input.name];
  }
}

// A value with its unit, and its direction in words if it is one.
export function withUnit(name, value, digits) {
  const { unit } = field(name).dataset;
  const space = unit === "" || unit === "°" ? "" : " ";
  return number(value, digits) + space + unit;
}

const compass = (input) => input.parentElement.querySelector(".compass");
export const isDirection = (name) => compass(field(name)) !== null;

const span = ({ minimum, maximum }) => `${number(minimum)} … ${number(maximum)}`;

// Make sliders, compasses and hints follow the numbers.
export function follow(model) {
  for (const input of numbers) {
    const slider = sliders[input.name];
    if (input.value !== "") slider.value = input.value;
    unmeasured[input.name].checked = input.value === "";
    const trained = model.features.find((feature) => feature.name === input.name)?.training;
    const value = input.valueAsNumber;
    const hint = form.querySelector(`[data-seen="${input.name}"]`);
    const accepted = value >= input.min && value <= input.max;
    const beyond = Boolean(trained) && accepted && (value < trained.minimum || value > trained.maximum);
    hint.classList.toggle("beyond", beyond);
    if (beyond) hint.textContent = `; not in the training data, which had ${span(trained)}`;
    else if (trained && (trained.minimum > input.min || trained.maximum < input.max)) hint.textContent = `; in training ${span(trained)}`;
    if (isDirection(input.name) && accepted) {
      compass(input).querySelector(".needle").setAttribute("transform", `rotate(${value})`);
      input.parentElement.querySelector(".point").textContent = `${direction(value)}; `;
      slider.setAttribute("aria-valuetext", `${value} degrees, ${direction(value)}`);
    }
  }
}

// Let people say that they do not measure what the model can do without.
export function showOptional(model) {
  for (const name of model.optional) {
    if (!unmeasured[name]) continue;
    unmeasured[name].parentElement.hidden = false;
    field(name).required = false;
  }
}

// Mark the training range on the sliders.
export function showTrainingRanges(model) {
  for (const { name, training } of model.features) {
    const slider = sliders[name];
    if (!training || !slider) continue;
    const share = (value) => `${(100 * (value - slider.min)) / (slider.max - slider.min)}%`;
    slider.style.setProperty("--from", share(training.minimum));
    slider.style.setProperty("--to", share(training.maximum));
  }
}

// ``changed`` is called when a value changes, with ``true`` if the change is complete.
export function onChange(changed) {
  for (const input of numbers) {
    const slider = sliders[input.name];
    input.addEventListener("input", () => changed(false));
    input.addEventListener("change", () => changed(true));
    slider.addEventListener("input", () => {
      input.value = slider.value;
      changed(true);
    });
    const box = unmeasured[input.name];
    box.addEventListener("change", () => {
      input.value = box.checked ? "" : slider.value;
      changed(true);
    });
    compass(input)?.addEventListener("pointerdown", (event) => {
      const box = event.currentTarget.getBoundingClientRect();
      const east = event.clientX - box.left - box.width / 2;
      const south = event.clientY - box.top - box.height / 2;
      input.value = Math.round(((Math.atan2(east, -south) * 180) / Math.PI + 360) % 360);
      changed(true);
    });
  }
  for (const input of switches) input.addEventListener("change", () => changed(true));
}
