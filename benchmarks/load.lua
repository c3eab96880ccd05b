-- Request bodies come from the file BODIES, one per line; a newline within a body is written as \n.
-- The result is printed as one line of JSON.
local requests, n = {}, 0

function init(_)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = os.getenv("CONTENT_TYPE")
  for line in io.lines(os.getenv("BODIES")) do
    n = n + 1
    requests[n] = wrk.format(nil, nil, nil, (line:gsub("\\n", "\n")))
  end
end

local at = 0
function request()
  at = at % n + 1
  return requests[at]
end

function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "failed": %d, "p50_ms": %f, "p99_ms": %f}\n',
    summary.requests, summary.duration / 1e6,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
