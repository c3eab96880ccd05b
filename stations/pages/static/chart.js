// A station's last day: the chance of rain as a curve, hours with rain shaded, a dot for each verdict.

import { percent } from "./words.js";

const HOUR = 3_600_000;
const SPAN = 24;

const plot = document.getElementById("chart");
const words = document.getElementById("chart-words");

let drawn = null;

export function showChart(hours) {
  drawn = hours.map((hour) => ({ ...hour, at: Date.parse(hour.hour) }));
  draw();
  words.textContent = summary(drawn);
}

export function verdict(forecast) {
  if (forecast === null || forecast.rained === null) return "open";
  return (forecast.prediction === "Rain") === forecast.rained ? "right" : "wrong";
}

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const chance = (forecast) => forecast.probability ?? (forecast.prediction === "Rain" ? 1 : 0);

// Drawn at the size it has, so that its text is never scaled.
function draw() {
  if (!drawn?.length) return;
  const width = Math.max(plot.clientWidth, 240);
  const height = Math.max(plot.clientHeight, 220);
  const box = { left: 46, right: width - 12, top: 12, bottom: height - 30 };
  const last = drawn.at(-1).at;
  const first = last - SPAN * HOUR;
  const x = (at) => box.left + ((at - first) / (SPAN * HOUR)) * (box.right - box.left);
  const y = (share) => box.bottom - share * (box.bottom - box.top);
  const svg = element("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "chart-name" });
  svg.append(element("title", { id: "chart-name" }, summary(drawn)));
  for (const { at, observation } of drawn) {
    if (observation.current_weather_condition !== 1) continue;
    const [left, right] = [x(Math.max(at - HOUR, first)), x(at)];
    svg.append(element("rect", { class: "wet", x: left, y: box.top, width: right - left, height: box.bottom - box.top }));
  }
  for (const level of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(element("path", { class: "grid", d: `M${box.left} ${y(level)}H${box.right}` }));
    svg.append(element("text", { class: "axis", x: box.left - 8, y: y(level) + 4, "text-anchor": "end" }, `${100 * level} %`));
  }
  const step = Math.ceil(24 / (width / 70) / 3) * 3;
  for (let at = Math.ceil(first / (step * HOUR)) * step * HOUR; at <= last; at += step * HOUR) {
    svg.append(element("text", { class: "axis", x: x(at), y: height - 8, "text-anchor": "middle" }, clock(at)));
  }
  let line = "";
  let before = null;
  for (const { at, forecast } of drawn) {
    if (forecast === null) continue;
    line += `${at - before === HOUR ? "L" : "M"}${x(at).toFixed(1)} ${y(chance(forecast)).toFixed(1)}`;
    before = at;
  }
  svg.append(element("path", { class: "here", d: line || "M0 0" }));
  for (const { at, forecast } of drawn) {
    if (forecast !== null) svg.append(element("circle", { class: verdict(forecast), cx: x(at), cy: y(chance(forecast)), r: 4.5 }));
  }
  plot.replaceChildren(svg);
}

export const clock = (at) => `${String(new Date(at).getUTCHours()).padStart(2, "0")}:00`;

function summary(hours) {
  const told = hours.filter((hour) => hour.forecast !== null);
  const wet = hours.filter((hour) => hour.observation.current_weather_condition === 1).length;
  const rain = `${wet} ${wet === 1 ? "hour" : "hours"} with rain`;
  if (!told.length) return `${hours.length} hours, ${rain}, no forecasts.`;
  const shares = told.map((hour) => chance(hour.forecast));
  const kinds = told.map((hour) => verdict(hour.forecast));
  const right = kinds.filter((kind) => kind === "right").length;
  const known = kinds.filter((kind) => kind !== "open").length;
  return `The last ${hours.length} hours, ${rain}; the chance was ${percent(Math.min(...shares))} to ${percent(Math.max(...shares))}; ` +
    `${right} of ${known} forecasts that are verified came true.`;
}

new ResizeObserver(draw).observe(plot);
