// The page: sends the form to the service and shows forecasts, refusals and faults.

import { post, Refusal, servedModel } from "./api.js";
import { forgetCurve, showCurve } from "./curve.js";
import { accepted, field, fill, follow, form, isConverted, numbers, observation, onChange, onUnits, positive, setScales, showOptional, switches, unitName } from "./form.js";
import { showChance } from "./gauge.js";
import { showSnippets } from "./snippets.js";
import { lower, percent, upper } from "./words.js";

const get = (id) => document.getElementById(id);
const key = get("key");
const presets = [...document.querySelectorAll(".preset")];

let model = { features: [], optional: [], horizon_hours: null, threshold: null, data: null };
let request = new AbortController();
let timer = 0;

async function ask() {
  clearTimeout(timer);
  request.abort();
  request = new AbortController();
  const { signal } = request;
  const sent = observation();
  markPreset(sent);
  showSnippets(sent, key.value !== "");
  form.setAttribute("aria-busy", "true");
  try {
    const forecast = await post("predict", sent, key.value, signal);
    if (signal.aborted) return;
    showFaults([]);
    showForecast(forecast);
    await showCurve(sent, model, key.value, signal);
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
  const decision = get("decision");
  decision.textContent = upper(prediction);
  decision.className = `decision ${prediction === positive ? "positive" : "negative"}`;
  showChance(probability, model.threshold);
  const within = model.horizon_hours === null ? "" : ` within ${hours()}`;
  const chance = probability === null ? "" : `${percent(probability)} chance of ${lower(positive)}${within}`;
  const side = prediction === positive ? "above" : "not above";
  const rule = model.threshold === null ? "" : ` ${upper(prediction)}, because that is ${side} the model's threshold of ${percent(model.threshold)}.`;
  get("reason").textContent = chance
    ? `${chance}.${rule}`
    : "This model gives a decision only: it has no calibrated probability.";
  get("why").hidden = chance === "" || rule === "";
  showOutcome();
}

// Mark the preset that is in the form, if there is one.
function markPreset(sent) {
  const same = (preset) =>
    Object.entries(JSON.parse(preset.dataset.observation)).every(([name, value]) => sent[name] === value);
  for (const preset of presets) preset.setAttribute("aria-pressed", String(same(preset)));
}

// Presets are of the past: show what followed.
function showOutcome() {
  const chosen = presets.find((preset) => !preset.hidden && preset.getAttribute("aria-pressed") === "true");
  get("outcome").textContent = chosen && ofHorizon(chosen) ? `What happened then: ${chosen.dataset.outcome}.` : "";
}

// A preset may belong to the data of one model, and its outcome to a horizon.
const ofHorizon = ({ dataset: { horizon } }) => !horizon || Number(horizon) === model.horizon_hours;

function showPresets() {
  for (const preset of presets) preset.hidden = Boolean(preset.dataset.data) && preset.dataset.data !== model.data?.name;
  const section = get("presets");
  if (section) section.hidden = presets.every((preset) => preset.hidden);
}

function showRefusal({ status, message, detail }) {
  const decision = get("decision");
  decision.textContent = "No forecast";
  decision.className = "decision none";
  get("gauge").hidden = true;
  get("why").hidden = true;
  get("reason").textContent = status === 400 ? "The observation needs a correction." : message;
  get("outcome").textContent = "";
  forgetCurve();
  showFaults(detail, message, status === 401 ? message : "");
  if (status === 401) {
    // Beside the message, instead of below the fields where nobody looks for it.
    get("problem").parentElement.after(get("key-details"));
    get("key-details").open = true;
    const link = document.createElement("a");
    link.href = "#key";
    link.textContent = "Enter the key";
    get("reason").append(" ", link);
  }
}

// Show each fault at the field that its location names; others above the form.
function showFaults(faults, sentence = "", keyMessage = "") {
  const elsewhere = [];
  const byInput = new Map(keyMessage ? [[key, keyMessage]] : []);
  for (const { loc, msg } of faults) {
    const input = loc.length ? field(loc[0]) : undefined;
    if (input) byInput.set(input, msg);
    else elsewhere.push(msg);
  }
  for (const input of [...numbers, ...switches, key]) {
    const message = byInput.get(input) ?? "";
    const here = message && isNumber(input) && isConverted(input) ? ` On this page: ${accepted(input)}${unitName(input) === "%" ? "" : ` ${unitName(input)}`}.` : "";
    get(`${input.id}-error`).textContent = message && `${message.replace(/\.$/, "")}.${here}`;
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  const problem = get("problem");
  const count = byInput.size;
  problem.textContent = elsewhere.length
    ? elsewhere.join("; ")
    : count
      ? keyMessage || `${count === 1 ? "One field needs" : `${count} fields need`} a correction.`
      : sentence;
  problem.hidden = problem.textContent === "";
}

const isNumber = (input) => input.type === "number";

const hours = () => (model.horizon_hours === 1 ? "the next hour" : `the next ${model.horizon_hours} hours`);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask().then(() => form.querySelector("[aria-invalid]")?.focus());
});
onChange((complete) => {
  follow(model);
  if (complete) askSoon();
});
key.addEventListener("change", ask);
get("along").addEventListener("change", ask);
for (const preset of presets) {
  preset.addEventListener("click", () => {
    fill(JSON.parse(preset.dataset.observation));
    follow(model);
    ask();
  });
}

onUnits(() => {
  setScales(model);
  follow(model);
  ask();
});

setScales(model);
follow(model);
showSnippets(observation(), false);
model = await servedModel();
if (model.horizon_hours !== null) get("horizon").textContent = ` in ${hours()}`;
showPresets();
showOptional(model);
setScales(model);
follow(model);
ask();
