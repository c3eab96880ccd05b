import { percent } from "./words.js";

const gauge = document.getElementById("gauge");

// ``probability`` is null if the imported model has none.
export function showChance(probability, threshold) {
  gauge.hidden = probability === null;
  if (probability === null) return;
  document.getElementById("chance").textContent = percent(probability);
  document.getElementById("gauge-value").setAttribute("stroke-dasharray", `${100 * probability} 200`);
  const tick = document.getElementById("gauge-threshold");
  tick.toggleAttribute("hidden", threshold === null);
  if (threshold !== null) tick.setAttribute("transform", `rotate(${180 * threshold} 120 120)`);
}
