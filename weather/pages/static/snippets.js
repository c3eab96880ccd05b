// The request of the form for other clients. An API key is named, never shown.

import { address } from "./api.js";

export function curl(observation, withKey) {
  const key = withKey ? ' \\\n  -H "X-API-Key: $RAIN_API_KEY"' : "";
  return (
    `curl -s '${address("predict")}' \\\n  -H 'Content-Type: application/json'${key} \\\n` +
    `  -d '${JSON.stringify(observation, null, 2).replaceAll("\n", "\n  ")}'\n`
  );
}

export function python(observation, withKey) {
  const fields = Object.entries(observation).map(([name, value]) => `    "${name}": ${value},\n`);
  const key = withKey ? ', "X-API-Key": os.environ["RAIN_API_KEY"]' : "";
  return `import json
${withKey ? "import os\n" : ""}from urllib.request import Request, urlopen

observation = {
${fields.join("")}}
request = Request(
    "${address("predict")}",
    data=json.dumps(observation).encode(),
    headers={"Content-Type": "application/json"${key}},
)
with urlopen(request, timeout=10) as answer:
    print(json.load(answer))
`;
}

export function showSnippets(observation, withKey) {
  document.getElementById("curl").textContent = curl(observation, withKey);
  document.getElementById("python").textContent = python(observation, withKey);
}

const copied = document.getElementById("copied");

for (const button of document.querySelectorAll("[data-copy]")) {
  const label = [...button.childNodes];
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    const done = await copy(source);
    button.textContent = done ? "Copied" : "Selected: press Ctrl+C";
    copied.textContent = button.textContent;
    setTimeout(() => {
      button.replaceChildren(...label);
      copied.textContent = "";
    }, 2000);
  });
}

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    // there is no clipboard with plain HTTP from another host: select the text instead
    getSelection().selectAllChildren(source);
    return false;
  }
}
