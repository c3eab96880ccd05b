// The form: what is in it is asked of the service, the answer is shown, faults stand at their fields.

import { post, Refusal, servedModel } from "./api.js";
import { forgetCurve, showCurve } from "./curve.js";
import { showChance } from "./gauge.js";
import { showSnippets } from "./snippets.js";
import { direction, number, percent } from "./words.js";

const get = (id) => document.getElementById(id);
const form = get("form");
const key = get("key");
const rainNow = get("current_weather_condition");
const numbers = [...form.querySelectorAll("input[type=number]")];
const sliders = Object.fromEntries(
  [...form.querySelectorAll("input[type=range]")].map((slider) => [slider.dataset.for, slider]),
);
const presets = [...document.querySelectorAll(".preset")];

let model = { features: [], horizon_hours: null, threshold: null };
let asking = new AbortController();
let timer = 0;

// What is in the form; an empty field is left out, and the service says that it is missing.
function observation() {
  const filled = numbers.filter((field) => field.value !== "");
  return {
    ...Object.fromEntries(filled.map((field) => [field.name, field.valueAsNumber])),
    [rainNow.name]: rainNow.checked ? 1 : 0,
  };
}

async function ask() {
  clearTimeout(timer);
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const asked = observation();
  markPreset(asked);
  showSnippets(asked, key.value !== "");
  form.setAttribute("aria-busy", "true");
  try {
    const forecast = await post("predict", asked, key.value, signal);
    if (signal.aborted) return;
    showFaults([]);
    showForecast(forecast);
    await showCurve(asked, model, key.value, signal);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Refusal)) throw error;
    showRefusal(error);
  } finally {
    if (!signal.aborted) form.removeAttribute("aria-busy");
  }
}

const askSoon = () => {
  clearTimeout(timer);
  timer = setTimeout(ask, 150);
};

function showForecast({ prediction, probability }) {
  const rain = prediction === "Rain";
  const decision = get("decision");
  decision.textContent = rain ? "Rain" : "No rain";
  decision.className = `decision ${rain ? "wet" : "dry"}`;
  showChance(probability, model.threshold);
  const within = model.horizon_hours === null ? "" : ` within ${hours()}`;
  const chance = probability === null ? "" : `${percent(probability)} chance of rain${within}`;
  const rule = model.threshold === null ? "" : `; the model says rain above ${percent(model.threshold)}`;
  get("reason").textContent = chance
    ? `${chance}${rule}.`
    : "This model gives a decision only: it carries no calibrated probability.";
  showOutcome();
}

// The preset that is in the form, if one is.
function markPreset(asked) {
  const same = (preset) =>
    Object.entries(JSON.parse(preset.dataset.observation)).every(([name, value]) => asked[name] === value);
  for (const preset of presets) preset.setAttribute("aria-pressed", String(same(preset)));
}

// A preset is a past hour: say what came of it.
function showOutcome() {
  const chosen = presets.find((preset) => preset.getAttribute("aria-pressed") === "true");
  get("outcome").textContent = chosen
    ? `What happened then: ${chosen.dataset.rained === "1" ? "it rained within" : "it stayed dry for"} 4 hours.`
    : "";
}

function showRefusal({ status, message, detail }) {
  const decision = get("decision");
  decision.textContent = "No forecast";
  decision.className = "decision none";
  get("gauge").hidden = true;
  get("reason").textContent = status === 400 ? "The observation needs a correction." : message;
  get("outcome").textContent = "";
  forgetCurve();
  showFaults(status === 401 ? [{ loc: ["key"], msg: message }] : detail, message);
  if (status === 401) get("key-details").open = true;
}

// Each fault at the field that its place names; what has none goes to the head of the form.
function showFaults(faults, sentence) {
  const homeless = [];
  const byField = new Map();
  for (const { loc, msg } of faults) {
    if (loc.length && get(`${loc[0]}-error`)) byField.set(loc[0], msg);
    else homeless.push(msg);
  }
  for (const field of [...numbers, rainNow, key]) {
    const message = byField.get(field.id) ?? "";
    get(`${field.id}-error`).textContent = message && `${message}.`;
    if (message) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
  const problem = get("problem");
  const count = byField.size;
  problem.textContent = homeless.length
    ? homeless.join("; ")
    : count
      ? `${count === 1 ? "One field needs" : `${count} fields need`} a correction.`
      : (sentence ?? "");
  problem.hidden = problem.textContent === "";
}

const hours = () => (model.horizon_hours === 1 ? "the next hour" : `the next ${model.horizon_hours} hours`);

const span = ({ minimum, maximum }) => `${number(minimum)} … ${number(maximum)}`;

// Sliders, the compass and hints follow the numbers.
function follow() {
  for (const field of numbers) {
    const slider = sliders[field.name];
    if (field.value !== "") slider.value = field.value;
    const seen = model.features.find((f) => f.name === field.name)?.training;
    const value = field.valueAsNumber;
    const hint = document.querySelector(`[data-seen="${field.name}"]`);
    const accepted = value >= field.min && value <= field.max;
    const beyond = Boolean(seen) && accepted && (value < seen.minimum || value > seen.maximum);
    hint.classList.toggle("beyond", beyond);
    if (beyond) hint.textContent = `; not seen in training, which had ${span(seen)}`;
    else if (seen && (seen.minimum > field.min || seen.maximum < field.max)) hint.textContent = `; in training ${span(seen)}`;
  }
  const bearing = get("wind_bearing_degree").valueAsNumber;
  if (bearing >= 0 && bearing <= 360) {
    get("needle").setAttribute("transform", `rotate(${bearing})`);
    get("wind-words").textContent = `${direction(bearing)}; `;
    sliders.wind_bearing_degree.setAttribute("aria-valuetext", `${bearing} degrees, ${direction(bearing)}`);
  }
}

function fill(values) {
  for (const field of numbers) field.value = values[field.name];
  rainNow.checked = values[rainNow.name] === 1;
  follow();
  ask();
}

function showModel() {
  if (model.horizon_hours !== null) get("horizon").textContent = `in ${hours()}`;
  for (const { name, training } of model.features) {
    const slider = sliders[name];
    if (!training || !slider) continue;
    const share = (value) => `${(100 * (value - slider.min)) / (slider.max - slider.min)}%`;
    slider.style.setProperty("--from", share(training.minimum));
    slider.style.setProperty("--to", share(training.maximum));
  }
  follow();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask().then(() => form.querySelector("[aria-invalid]")?.focus());
});
for (const field of numbers) {
  field.addEventListener("input", follow);
  field.addEventListener("change", askSoon);
  sliders[field.name].addEventListener("input", (event) => {
    field.value = event.target.value;
    follow();
    askSoon();
  });
}
rainNow.addEventListener("change", ask);
key.addEventListener("change", ask);
get("along").addEventListener("change", ask);
for (const preset of presets) preset.addEventListener("click", () => fill(JSON.parse(preset.dataset.observation)));
get("compass").addEventListener("pointerdown", (event) => {
  const box = event.currentTarget.getBoundingClientRect();
  const east = event.clientX - box.left - box.width / 2;
  const south = event.clientY - box.top - box.height / 2;
  const field = get("wind_bearing_degree");
  field.value = Math.round(((Math.atan2(east, -south) * 180) / Math.PI + 360) % 360);
  follow();
  ask();
});

follow();
showSnippets(observation(), false);
model = await servedModel();
showModel();
ask();
