// How the chance changes along one variable, with the others as in the form: one bulk request.

import { post } from "./api.js";
import { field, isDirection, negative, positive, shownWithUnit, switches, withUnit } from "./form.js";
import { scaleOf, toSent, toShown } from "./units.js";
import { direction, percent, upper } from "./words.js";

const POINTS = 61;

const along = document.getElementById("along");
const plot = document.getElementById("curve");
const words = document.getElementById("curve-words");
const table = document.getElementById("curve-table");

// A second line shows the other state of the first switch, if there is one.
const toggled = switches[0];

let drawn = null;

// The training range, if it is known, extended to the value in the form, if there is one.
function range(name, value, model) {
  const feature = model.features.find((f) => f.name === name);
  const { low, high } = field(name).dataset;
  const ends = feature?.training ?? { minimum: Number(low), maximum: Number(high) };
  if (value === undefined) return [ends.minimum, ends.maximum];
  return [Math.min(ends.minimum, value), Math.max(ends.maximum, value)];
}

export async function showCurve(observation, model, key, signal) {
  const name = along.value;
  const [low, high] = range(name, observation[name], model);
  const xs = Array.from({ length: POINTS }, (_, i) => Number((low + ((high - low) * i) / (POINTS - 1)).toFixed(4)));
  const state = toggled && observation[toggled.name];
  const bases = toggled ? [observation, { ...observation, [toggled.name]: 1 - state }] : [observation];
  const observations = bases.flatMap((base) => xs.map((x) => ({ ...base, [name]: x })));
  const { forecasts } = await post("predict_batch", { observations }, key, signal);
  const probabilities = forecasts.map((f) => f.probability ?? (f.prediction === positive ? 1 : 0));
  const states = toggled ? [toggled.dataset.off, toggled.dataset.on] : [];
  drawn = {
    name,
    xs,
    calibrated: forecasts[0].probability !== null,
    lines: bases.map((_, i) => probabilities.slice(i * POINTS, (i + 1) * POINTS)),
    kinds: toggled ? [`${states[state]} now`, `if ${states[1 - state]}`] : ["chance"],
    value: observation[name],
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
  words.textContent = "There is no curve without a forecast.";
}

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// Drawn at the size of its element, so that its text is not scaled.
function draw() {
  if (drawn === null) return;
  const { name, xs, lines, value, threshold, calibrated } = drawn;
  const width = Math.max(plot.clientWidth, 220);
  const height = Math.max(plot.clientHeight, 220);
  const box = { left: calibrated ? 46 : 78, right: width - 12, top: 12, bottom: height - 30 };
  const x = (v) => box.left + ((v - xs[0]) / (xs.at(-1) - xs[0])) * (box.right - box.left);
  const y = (v) => box.bottom - v * (box.bottom - box.top);
  const line = (values) => values.map((v, i) => `${i ? "L" : "M"}${x(xs[i]).toFixed(1)} ${y(v).toFixed(1)}`).join("");

  const svg = element("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "curve-name" });
  svg.append(element("title", { id: "curve-name" }, summary()));
  for (const level of calibrated ? [0, 0.25, 0.5, 0.75, 1] : [0, 1]) {
    svg.append(element("path", { class: "grid", d: `M${box.left} ${y(level)}H${box.right}` }));
    const label = calibrated ? `${100 * level} %` : decision(level);
    svg.append(element("text", { class: "axis", x: box.left - 8, y: y(level) + 4, "text-anchor": "end" }, label));
  }
  const input = field(name);
  const scale = scaleOf(input.dataset);
  for (const tick of ticks(toShown(xs[0], scale), toShown(xs.at(-1), scale), width / 75)) {
    const place = x(toSent(tick, scale));
    svg.append(element("text", { class: "axis", x: place, y: height - 8, "text-anchor": "middle" }, shownWithUnit(input, tick)));
  }
  if (threshold !== null && calibrated) {
    svg.append(element("path", { class: "threshold", d: `M${box.left} ${y(threshold)}H${box.right}` }));
    const room = (i) => Math.min(...lines.map((values) => Math.abs(values.at(i) - threshold)));
    const [x_, anchor] = room(0) > room(-1) ? [box.left + 4, "start"] : [box.right, "end"];
    const label = { class: "axis halo", x: x_, y: y(threshold) - 5, "text-anchor": anchor };
    svg.append(element("text", label, `${upper(positive)} above ${percent(threshold)}`));
  }
  if (lines.length > 1) svg.append(element("path", { class: "other", d: line(lines[1]) }));
  svg.append(element("path", { class: "here", d: line(lines[0]) }));
  if (value !== undefined) svg.append(element("circle", { class: "dot", cx: x(value), cy: y(at(value)), r: 5.5 }));
  plot.replaceChildren(svg);
}

// Round numbers within a range, at most ``max`` of them.
function ticks(low, high, max) {
  const rough = (high - low) / max;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * decade).find((n) => n >= rough);
  const count = Math.floor(high / step) - Math.ceil(low / step) + 1;
  return Array.from({ length: count }, (_, i) => (Math.ceil(low / step) + i) * step);
}

// The first line between its points.
function at(value) {
  const { xs, lines } = drawn;
  const place = ((value - xs[0]) / (xs.at(-1) - xs[0])) * (POINTS - 1);
  const left = Math.min(Math.floor(place), POINTS - 2);
  return lines[0][left] + (lines[0][left + 1] - lines[0][left]) * (place - left);
}

const decision = (chance) => upper(chance ? positive : negative);
const shown = (chance) => (drawn.calibrated ? percent(chance) : decision(chance));

function summary() {
  const { xs, lines, name } = drawn;
  const [values] = lines;
  const max = values.indexOf(Math.max(...values));
  const min = values.indexOf(Math.min(...values));
  const place = (i) => withUnit(name, xs[i], 3);
  if (values[max] === values[min]) return `${shown(values[max])} over the whole range.`;
  return `From ${shown(values[min])} at ${place(min)} to ${shown(values[max])} at ${place(max)}.`;
}

function describe() {
  const { xs, lines, kinds, name } = drawn;
  words.replaceChildren(`${summary()} `, ...(kinds.length > 1 ? [key("here", kinds[0]), " ", key("other", kinds[1])] : []));
  const label = along.selectedOptions[0].text;
  const rows = xs.map((x, i) => [x, ...lines.map((values) => values[i])]).filter((_, i) => i % 6 === 0);
  const head = document.createElement("thead");
  head.append(row("th", [label, ...kinds]));
  const body = document.createElement("tbody");
  const place = (x) => withUnit(name, x) + (isDirection(name) ? ` ${direction(x)}` : "");
  body.append(...rows.map(([x, ...values]) => row("td", [place(x), ...values.map(shown)])));
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
