// The list, the chosen station, the scores; asked for again every few seconds. Addresses are relative.

import { clock, showChart, verdict } from "./chart.js";
import { direction, number, percent } from "./words.js";

const SECONDS = 2;
const DIGITS = 3;
const LISTED = 200;

const SCORES = [
  ["bss_persistence", "Skill against persistence"],
  ["bss_climatology", "Skill against climatology"],
  ["brier", "Brier score (best 0)"],
  ["pod", "Rain that was forecast (POD)"],
  ["far", "False alarms (FAR, best 0)"],
  ["hss", "Heidke skill score"],
];

const find = (id) => document.getElementById(id);
const problem = find("problem");

let chosen = new URLSearchParams(location.search).get("station");

async function ask(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  throw new Error(`Status ${answer.status}: ${body.error ?? answer.statusText}`);
}

async function refresh() {
  try {
    const { count, stations } = await ask(`stations?limit=${LISTED}`);
    find("none").hidden = count > 0;
    find("more").hidden = count <= stations.length;
    find("more").textContent = `The first ${stations.length} of ${count} stations; ?station=NAME in the address shows any other.`;
    chosen ??= stations[0]?.station ?? null;
    showList(stations);
    const all = await ask("scores");
    if (chosen !== null) {
      const name = encodeURIComponent(chosen);
      const [station, own] = await Promise.all([ask(`stations/${name}?hours=25`), ask(`scores?station=${name}`)]);
      if (station.station === chosen) {
        showStation(station);
        showScores(own, all.all);
      }
    }
    problem.hidden = true;
  } catch (error) {
    problem.textContent = error instanceof TypeError ? "There is no answer: the service can't be reached." : error.message;
    problem.hidden = false;
  }
}

function said(forecast) {
  if (forecast === null) return "–";
  if (forecast.probability !== null) return percent(forecast.probability);
  return forecast.prediction === "Rain" ? "Rain" : "Dry";
}

function make(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

// Items stay in the document from one time to the next, so that the focus stays where it is.
function showList(stations) {
  const list = find("list");
  const known = new Map([...list.children].map((item) => [item.dataset.station, item]));
  const names = new Set(stations.map((station) => station.station));
  for (const [name, item] of known) if (!names.has(name)) item.remove();
  stations.forEach((station, place) => {
    const item = known.get(station.station) ?? newItem(station.station);
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
    const [name, share, about] = item.querySelectorAll("strong, .share, small");
    name.textContent = station.name ?? station.station;
    share.textContent = said(station.forecast);
    about.textContent = about_(station);
    item.firstElementChild.setAttribute("aria-pressed", String(station.station === chosen));
  });
}

function about_(station) {
  if (station.last_hour === null) return "no report yet";
  const rain = { true: "raining", false: "dry", null: "rain unknown" }[station.raining];
  return `${day(station.last_hour)}, ${rain}${station.why_not ? `; ${station.why_not}` : ""}`;
}

function newItem(station) {
  const item = make("li");
  item.dataset.station = station;
  const button = make("button");
  button.type = "button";
  button.append(make("strong"), make("span", "", "share"), make("small"));
  button.addEventListener("click", () => {
    chosen = station;
    history.replaceState(null, "", `?station=${encodeURIComponent(station)}`);
    refresh();
  });
  item.append(button);
  return item;
}

const day = (text) => `${new Date(text).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" })}, ${clock(Date.parse(text))} UTC`;

function showStation(station) {
  const last = station.hours.at(-1);
  find("station").hidden = last === undefined;
  if (last === undefined) return;
  find("station-title").textContent = station.name ? `${station.name} (${station.station})` : station.station;
  find("station-time").textContent = day(last.hour);
  find("now").textContent = `${observed(last.observation)}. ${outlook(last)}`;
  showChart(station.hours);
  const names = ["Hour (UTC)", "Observed", "Chance", "Forecast", "Rained"];
  const rows = station.hours.toReversed().map(({ hour, observation, forecast, why_not }) => [
    day(hour),
    observed(observation),
    said(forecast),
    forecast === null ? why_not ?? "–" : forecast.prediction === "Rain" ? "Rain" : "No rain",
    { open: "not yet known", right: "as forecast", wrong: "not as forecast" }[verdict(forecast)],
  ]);
  fill(find("hours"), names, rows);
}

function observed(o) {
  const parts = [
    o.temp_c === null ? null : `${number(o.temp_c, DIGITS)} °C`,
    o.humidity === null ? null : `${percent(o.humidity)} humidity`,
    wind(o),
    o.pressure_millibars === null ? null : `${number(o.pressure_millibars, 5)} mbar`,
    o.visibility_km === null ? null : `visibility ${number(o.visibility_km, DIGITS)} km`,
    { 0: "dry", 1: "rain" }[o.current_weather_condition] ?? null,
  ];
  return parts.filter((part) => part !== null).join(", ");
}

function wind(o) {
  if (o.wind_speed_kmph === null) return null;
  if (o.wind_speed_kmph === 0) return "calm";
  const from = o.wind_bearing_degree === null ? "" : ` from ${direction(o.wind_bearing_degree)}`;
  return `${number(o.wind_speed_kmph, DIGITS)} km/h${from}`;
}

function outlook({ forecast, why_not }) {
  if (forecast === null) return why_not === null ? "" : `${why_not[0].toUpperCase()}${why_not.slice(1)}.`;
  const word = forecast.prediction === "Rain" ? "Rain" : "No rain";
  const within = forecast.horizon_hours === null ? "" : ` within ${forecast.horizon_hours} hours`;
  const notes = forecast.notes.length ? ` (${forecast.notes.join("; ")})` : "";
  return forecast.probability === null ? `${word}${within}${notes}.` : `${word}${within}: ${percent(forecast.probability)}${notes}.`;
}

function showScores(own, all) {
  const table = find("scores");
  const rows = SCORES.map(([score, name]) => [name, cell(own, score), cell(all, score)]);
  rows.unshift(["Verified hours", String(own.hours), String(all.hours)]);
  fill(table, ["", "this station", "all stations"], rows);
  for (const [place, part] of [[1, own], [2, all]]) {
    SCORES.forEach(([score], index) => {
      const shown = table.tBodies[0].rows[index + 1].cells[place];
      shown.dataset.score = `${place === 1 ? "station" : "all"}.${score}`;
      shown.dataset.value = part.scores[score] ?? "";
    });
  }
  const open = all.not_yet_verified;
  find("estimate").textContent = open.hours === 0 ? "" :
    `${open.hours} forecasts wait for their verdict; if their probabilities are right, their Brier score will be about ${number(open.brier, DIGITS)} (an estimate).`;
}

function cell(part, score) {
  const value = part.scores[score];
  if (value === null) return "–";
  const interval = part.intervals?.[score];
  const short = (x) => x.toFixed(3).replace("-", "−");
  return interval ? `${short(value)} (${short(interval[0])} … ${short(interval[1])})` : short(value);
}

function fill(table, names, rows) {
  const head = make("thead");
  head.append(row(names, "th"));
  const body = make("tbody");
  body.append(...rows.map((cells) => row(cells, "td")));
  table.replaceChildren(head, body);
}

function row(cells, kind) {
  const made = make("tr");
  cells.forEach((text, index) => {
    const header = kind === "th" && text !== "";
    const shown = make(header || (kind === "td" && index === 0) ? "th" : "td", text);
    if (shown.tagName === "TH") shown.scope = header ? "col" : "row";
    made.append(shown);
  });
  return made;
}

async function keepFresh() {
  for (;;) {
    await refresh();
    await new Promise((resolve) => { setTimeout(resolve, 1000 * SECONDS); });
  }
}

keepFresh();
