// The service, as a client sees it. All addresses are relative: the page may live behind a path prefix.

export class Refusal extends Error {
  constructor(status, sentence, detail) {
    super(sentence);
    this.status = status;
    this.detail = detail;
  }
}

export const address = (path) => new URL(path, document.baseURI).href;

export async function post(path, body, key, signal) {
  const headers = { "Content-Type": "application/json" };
  if (key) headers["X-API-Key"] = key;
  let answer;
  try {
    answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Refusal(0, "There was no answer: the service can't be reached.", []);
  }
  if (answer.ok) return answer.json();
  throw await refusal(answer);
}

async function refusal(answer) {
  const problem = await answer.json().catch(() => ({})); // a proxy's own error page, say
  const seconds = answer.headers.get("Retry-After");
  const wait = seconds ? ` Try again in ${seconds} second${seconds === "1" ? "" : "s"}.` : "";
  const sentence = {
    401: "This service wants an API key, and there was none or a wrong one.",
    429: `The service has as much to do as it can.${wait}`,
    503: `The service can't forecast now: ${problem.error ?? "it is not ready"}.${wait}`,
    504: "The service gave no forecast in time.",
  }[answer.status];
  return new Refusal(
    answer.status,
    sentence ?? `Status ${answer.status}: ${problem.error ?? answer.statusText}`,
    problem.detail ?? [],
  );
}

// What is known of the served model; parts are null where its import lacked them.
export async function servedModel() {
  try {
    const answer = await fetch("model", { headers: { Accept: "application/json" } });
    if (answer.ok) return await answer.json();
  } catch {
    // the page works without
  }
  return { features: [], horizon_hours: null, threshold: null, name: null };
}
