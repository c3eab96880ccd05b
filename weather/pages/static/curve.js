// How the chance of rain changes along one variable, everything else as in the form: one bulk request.

import { post } from "./api.js";
import { direction, number, percent } from "./words.js";

const POINTS = 61;
const RAIN_NOW = "current_weather_condition";
const UNITS = {
  temp_c: " °C",
  humidity: "",
  wind_speed_kmph: " km/h",
  wind_bearing_degree: "°",
  visibility_km: " km",
  pressure_millibars: " mbar",
};

const along = document.getElementById("along");
const plot = document.getElementById("curve");
const words = document.getElementById("curve-words");
const table = document.getElementById("curve-table");

let drawn = null;

// The range: what the model was trained on, where that is known, and where the form is.
function range(name, value, model) {
  const feature = model.features.find((f) => f.name === name);
  const field = document.getElementById(name);
  const ends = feature?.training ?? { minimum: Number(field.min), maximum: Number(field.max) };
  return [Math.min(ends.minimum, value), Math.max(ends.maximum, value)];
}

export async function showCurve(observation, model, key, signal) {
  const name = along.value;
  const [low, high] = range(name, observation[name], model);
  const xs = Array.from({ length: POINTS }, (_, i) => Number((low + ((high - low) * i) / (POINTS - 1)).toFixed(4)));
  const now = observation[RAIN_NOW];
  const observations = [now, 1 - now].flatMap((rain) =>
    xs.map((x) => ({ ...observation, [name]: x, [RAIN_NOW]: rain })),
  );
  const { forecasts } = await post("predict_batch", { observations }, key, signal);
  const chances = forecasts.map((f) => f.probability ?? (f.prediction === "Rain" ? 1 : 0));
  drawn = {
    name,
    xs,
    calibrated: forecasts[0].probability !== null,
    here: chances.slice(0, POINTS),
    other: chances.slice(POINTS),
    value: observation[name],
    raining: now === 1,
    threshold: model.threshold,
  };
  show(true);
  draw();
  describe();
}

function show(whether) {
  plot.hidden = !whether;
  table.parentElement.hidden = !whether;
}

export function forgetCurve() {
  drawn = null;
  show(false);
  words.textContent = "Once there is a forecast, there is a curve.";
}

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// Drawn at the size it has, so that its text is never scaled.
function draw() {
  if (drawn === null) return;
  const { xs, here, other, value, threshold, calibrated } = drawn;
  const width = Math.max(plot.clientWidth, 220);
  const height = Math.max(plot.clientHeight, 220);
  const box = { left: 46, right: width - 12, top: 12, bottom: height - 30 };
  const x = (v) => box.left + ((v - xs[0]) / (xs.at(-1) - xs[0])) * (box.right - box.left);
  const y = (v) => box.bottom - v * (box.bottom - box.top);
  const line = (values) => values.map((v, i) => `${i ? "L" : "M"}${x(xs[i]).toFixed(1)} ${y(v).toFixed(1)}`).join("");

  const svg = element("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "curve-name" });
  svg.append(element("title", { id: "curve-name" }, summary()));
  for (const level of calibrated ? [0, 0.25, 0.5, 0.75, 1] : [0, 1]) {
    svg.append(element("path", { class: "grid", d: `M${box.left} ${y(level)}H${box.right}` }));
    const label = calibrated ? `${100 * level} %` : level ? "Rain" : "Dry";
    svg.append(element("text", { class: "axis", x: box.left - 8, y: y(level) + 4, "text-anchor": "end" }, label));
  }
  for (const tick of ticks(xs[0], xs.at(-1), width / 75)) {
    svg.append(element("text", { class: "axis", x: x(tick), y: height - 8, "text-anchor": "middle" }, number(tick) + UNITS[drawn.name]));
  }
  if (threshold !== null && calibrated) {
    svg.append(element("path", { class: "threshold", d: `M${box.left} ${y(threshold)}H${box.right}` }));
    const room = (i) => Math.min(Math.abs(here.at(i) - threshold), Math.abs(other.at(i) - threshold));
    const [x_, anchor] = room(0) > room(-1) ? [box.left + 4, "start"] : [box.right, "end"];
    const label = { class: "axis halo", x: x_, y: y(threshold) - 5, "text-anchor": anchor };
    svg.append(element("text", label, `Rain above ${percent(threshold)}`));
  }
  svg.append(element("path", { class: "other", d: line(other) }));
  svg.append(element("path", { class: "here", d: line(here) }));
  svg.append(element("circle", { class: "dot", cx: x(value), cy: y(at(value)), r: 5.5 }));
  plot.replaceChildren(svg);
}

// Round numbers within a range, at most so many of them.
function ticks(low, high, most) {
  const rough = (high - low) / most;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * decade).find((n) => n >= rough);
  const count = Math.floor(high / step) - Math.ceil(low / step) + 1;
  return Array.from({ length: count }, (_, i) => (Math.ceil(low / step) + i) * step);
}

// Of the line, between its points.
function at(value) {
  const { xs, here } = drawn;
  const place = ((value - xs[0]) / (xs.at(-1) - xs[0])) * (POINTS - 1);
  const left = Math.min(Math.floor(place), POINTS - 2);
  return here[left] + (here[left + 1] - here[left]) * (place - left);
}

const said = (chance) => (drawn.calibrated ? percent(chance) : chance ? "Rain" : "No rain");

function summary() {
  const { xs, here, name } = drawn;
  const most = here.indexOf(Math.max(...here));
  const least = here.indexOf(Math.min(...here));
  const place = (i) => number(xs[i], 3) + UNITS[name];
  if (here[most] === here[least]) return `${said(here[most])} all along.`;
  return `From ${said(here[least])} at ${place(least)} to ${said(here[most])} at ${place(most)}.`;
}

function describe() {
  const { xs, here, other, name, raining } = drawn;
  const kinds = raining ? ["raining now", "were it dry"] : ["dry now", "were it raining"];
  words.replaceChildren(`${summary()} `, key("here", kinds[0]), " ", key("other", kinds[1]));
  const label = along.selectedOptions[0].text;
  const rows = xs.map((x, i) => [x, here[i], other[i]]).filter((_, i) => i % 6 === 0);
  const head = document.createElement("thead");
  head.append(row("th", [label, ...kinds]));
  const body = document.createElement("tbody");
  const place = (x) => number(x) + UNITS[name] + (name === "wind_bearing_degree" ? ` ${direction(x)}` : "");
  body.append(...rows.map(([x, a, b]) => row("td", [place(x), said(a), said(b)])));
  table.replaceChildren(head, body);
}

function key(kind, text) {
  const made = document.createElement("span");
  made.className = `key ${kind}`;
  made.textContent = text;
  return made;
}

function row(kind, cells) {
  const made = document.createElement("tr");
  for (const text of cells) {
    const cell = document.createElement(kind);
    if (kind === "th") cell.scope = "col";
    cell.textContent = text;
    made.append(cell);
  }
  return made;
}

new ResizeObserver(draw).observe(plot);
