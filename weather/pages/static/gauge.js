import { percent } from "./words.js";

const gauge = document.getElementById("gauge");

// A share of 1, or null: an imported model may carry no probability.
export function showChance(probability, threshold) {
  gauge.hidden = probability === null;
  if (probability === null) return;
  document.getElementById("chance").textContent = percent(probability);
  document.getElementById("gauge-value").setAttribute("stroke-dasharray", `${100 * probability} 200`);
  const tick = document.getElementById("gauge-threshold");
  tick.toggleAttribute("hidden", threshold === null);
  if (threshold !== null) tick.setAttribute("transform", `rotate(${180 * threshold} 120 120)`);
}
