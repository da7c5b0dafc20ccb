"""wrk, the load generator of C: requests a second and percentiles of one closed loop per connection.

wrk's percentiles also count requests that would have come while one took longer than the mean (its correction of
coordinated omission), as if somebody asked at the full rate all the time; ``one_by_one`` times those that were sent.
"""

import random
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

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


def one_by_one(url: str, seconds: float, keys: list[str], api_key: str) -> dict[str, float]:
    """Ask on one connection, each time after the answer: percentiles of the answers' times, ms."""
    address, times = urlsplit(url), []
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            body = f'{{"lead_id":"{random.choice(keys)}"}}'
            request = (
                f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nX-API-Key: {api_key}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            ).encode()
            began = time.perf_counter()
            connection.sendall(request)
            answer = connection.recv(1 << 16)
            while not answer.endswith(b"}"):
                answer += connection.recv(1 << 16)
            times.append((time.perf_counter() - began) * 1000)
            assert answer.startswith(b"HTTP/1.1 200"), answer
    cuts = quantiles(times, n=100)
    return {
        "requests": len(times),
        "p50": cuts[49],
        "p90": cuts[89],
        "p99": cuts[98],
        "p99_over_p50": cuts[98] / cuts[49],
    }


def _milliseconds(said: str, share: str) -> float:
    found = re.search(rf"{share}\s+([\d.]+)(us|ms|s|m)", said)
    assert found is not None, said
    return float(found[1]) * _UNITS[found[2]]
