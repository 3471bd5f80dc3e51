-- Sends signed requests from a file, each exactly once. The file holds records: the length of a request in eight
-- digits, then the request. With a second argument "wrap", for a proxy that checks no signature, it starts over at
-- the end. It counts as failed what is not 200, and every JSON-RPC error inside a 200.

local threads = {}
local file, wrap
-- Globals, since done can read only those of a thread.
failed, exhausted = 0, 0

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  file = assert(io.open(args[1], "rb"))
  file:setvbuf("full", 1048576)
  wrap = args[2] == "wrap"
end

function request()
  local size = file:read(8)
  if not size and wrap then
    file:seek("set", 0)
    size = file:read(8)
  end
  if not size then
    exhausted = 1
    wrk.thread:stop()
    return ""
  end
  return file:read(tonumber(size))
end

function response(status, headers, body)
  if status ~= 200 or string.find(body, '"error"', 1, true) then
    failed = failed + 1
  end
end

function done(summary, latency, requests)
  local failures, ended = 0, 0
  for _, thread in ipairs(threads) do
    failures = failures + thread:get("failed")
    ended = ended + thread:get("exhausted")
  end
  local e = summary.errors
  io.write(string.format(
    '\nbench: {"requests":%d,"micros":%d,"failed":%d,"socketErrors":%d,"exhausted":%d,' ..
    '"p50":%d,"p90":%d,"p99":%d,"max":%d}\n',
    summary.requests, summary.duration, failures, e.connect + e.read + e.write + e.timeout, ended,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max))
end
