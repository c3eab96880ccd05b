// Calls to the service. All URLs are relative, because the page may be behind a path prefix.

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
    throw new Refusal(0, "The service can't be reached.", []);
  }
  if (answer.ok) return answer.json();
  throw await refusal(answer);
}

async function refusal(answer) {
  const problem = await answer.json().catch(() => ({})); // a proxy's error page, for instance
  const seconds = answer.headers.get("Retry-After");
  const wait = seconds ? ` Try again in ${seconds} second${seconds === "1" ? "" : "s"}.` : "";
  const sentence = {
    401: "This service requires an API key, and there was none or a wrong one.",
    429: `The service is at capacity.${wait}`,
    503: `The service can't forecast now: ${problem.error ?? "it is not ready"}.${wait}`,
    504: "The forecast did not complete in time.",
  }[answer.status];
  return new Refusal(
    answer.status,
    sentence ?? `Status ${answer.status}: ${problem.error ?? answer.statusText}`,
    problem.detail ?? [],
  );
}

// The served model; what its import did not have is null.
export async function servedModel() {
  try {
    const answer = await fetch("model", { headers: { Accept: "application/json" } });
    if (answer.ok) return await answer.json();
  } catch {
    // the page works without it
  }
  return { features: [], optional: [], horizon_hours: null, threshold: null, data: null };
}
