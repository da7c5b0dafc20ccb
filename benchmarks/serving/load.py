"""wrk, the load generator of C: requests a second and percentiles of one closed loop per connection."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
_SCRIPT = """
local keys = {{}}
for line in io.lines("{keys}") do keys[#keys + 1] = line end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-API-Key"] = "{api_key}"
request = function()
  return wrk.format(nil, nil, nil, '{{"lead_id":"' .. keys[math.random(#keys)] .. '"}}')
end
"""


@dataclass(frozen=True)
class Measured:
    """One run; times in milliseconds, ``failed`` the answers other than 2xx."""

    connections: int
    per_second: float
    p50: float
    p90: float
    p99: float
    failed: int


def script(folder: Path, keys: list[str], api_key: str) -> Path:
    """What wrk sends: predictions of random keys."""
    (folder / "keys.txt").write_text("\n".join(keys))
    file = folder / "predict.lua"
    file.write_text(_SCRIPT.format(keys=folder / "keys.txt", api_key=api_key))
    return file


def measure(url: str, connections: int, seconds: float, sends: Path | None = None) -> Measured:
    """Load ``url`` with as many connections, each asking again when it is answered."""
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("The load generator is not installed: apt-get install wrk")
    lua = ["-s", str(sends)] if sends else []
    command = [program, "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "10s", "--latency", *lua, url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert rate is not None, said
    return Measured(
        connections,
        float(rate[1]),
        *(_milliseconds(said, share) for share in ("50%", "90%", "99%")),
        int(failed[1]) if failed else 0,
    )


def _milliseconds(said: str, share: str) -> float:
    found = re.search(rf"{share}\s+([\d.]+)(us|ms|s|m)", said)
    assert found is not None, said
    return float(found[1]) * _UNITS[found[2]]
