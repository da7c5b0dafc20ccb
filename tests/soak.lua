-- wrk's side of the soak: asks as often as told, and looks at every answer.
-- LEADS has a line "key score band" per lead; SEEN gets a line per answer that is not what it must be, and one whenever
-- another version answers. Times are those of Python's time.monotonic().
local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long ns; } moment; int clock_gettime(int, moment *);")
local now = ffi.new("moment")
local keys, known, version = {}, {}, nil
local seen = io.open(os.getenv("SEEN"), "w")

local function say(...)
  ffi.C.clock_gettime(1, now)
  seen:write(string.format("%.6f %s\n", tonumber(now.s) + tonumber(now.ns) / 1e9, table.concat({ ... }, " ")))
  seen:flush()
end

for line in io.lines(os.getenv("LEADS")) do
  local key, score, band = line:match("(%S+) (%S+) (%S+)")
  keys[#keys + 1] = key
  known[key] = { score, band }
end
math.randomseed(os.time())
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-API-Key"] = os.getenv("API_KEY")

function delay()
  return tonumber(os.getenv("PAUSE_MS"))
end

function request()
  return wrk.format(nil, nil, nil, '{"lead_id":"' .. keys[math.random(#keys)] .. '"}')
end

function response(status, headers, body)
  if status ~= 200 then
    say("status", status)
    return
  end
  local told = known[body:match('"lead_id":"([^"]+)"')]
  local answered = body:match('"model_version":"([^"]+)"')
  if answered ~= version then
    say("version", answered)
    version = answered
  end
  -- Version 2 is the same model with one band.
  if body:match('"lead_score":(%d+)') ~= told[1] or body:match('"band":"([^"]+)"') ~= (answered == "1" and told[2] or "A") then
    say("wrong", body)
  end
end
