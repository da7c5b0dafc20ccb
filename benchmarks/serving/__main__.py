"""Side by side in one run: ``python -m benchmarks.serving --seconds 10 --output FILE.json``.

One worker on each side, the same machine, database, champion (a linear one) and keys. The sides take turns. Then a
ramp of connections until requests are refused, and batches of 10,000.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psycopg

from benchmarks.machine import describe
from benchmarks.serving.load import Measured, measure, one_by_one, script
from benchmarks.serving.stock_app import USE_CASE, store
from leadmill import settings
from leadmill.demo.generator import generate, write_csv
from leadmill.demo.loader import load_file
from leadmill.local.ports import free_port
from leadmill.local.testing import throw_away_server
from leadmill.orchestration.stages import STAGES
from leadmill.spec import load_use_case
from leadmill.storage import api_keys

RAMP = (1, 2, 4, 8, 16, 32, 64, 128)
BATCH, BATCHES = 10_000, 8
_STAGES = ("extract", "check_raw", "impute_encode", "check_features", "publish", "materialize", "train", "score")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rows", type=int, default=12_000)
    parser.add_argument("--candidate", default="logistic_regression")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    with throw_away_server("serving"), tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), arguments.rows, arguments.candidate, arguments.seconds)
    arguments.output.write_text(json.dumps(found, indent=2) + "\n")


def run(folder: Path, rows: int, candidate: str, seconds: float) -> dict[str, Any]:
    """Every figure; needs a running, empty server."""
    keys, api_key = _prepare(folder, rows, candidate), api_keys.create("bench", api_keys.SCOPES)
    sends = script(folder, keys, api_key)
    with ExitStack() as services:
        ours = services.enter_context(_service(["leadmill.serving", "--port"], "/readyz"))
        stock = services.enter_context(_service(["benchmarks.serving.stock_app"], "/docs", str(folder / "stock")))
        predict = f"{ours}/api/v1/{USE_CASE}/predict"
        # Warm: connections, plans, caches.
        for url in (predict, f"{stock}/predict"):
            measure(url, 2, 2, sends)
        sides = {}
        for connections in (1, 8):
            one = {
                "stock": measure(f"{stock}/predict", connections, seconds, sends),
                "leadmill": measure(predict, connections, seconds, sends),
                "no_op": measure(f"{ours}/healthz", connections, seconds / 2),
            }
            ratio = one["leadmill"].per_second / one["stock"].per_second
            sides[str(connections)] = {**{name: asdict(side) for name, side in one.items()}, "ratio": ratio}
        alone = one_by_one(predict, seconds * 2, keys, api_key)
        ramp = [asdict(step) for step in _ramp(predict, seconds / 2, sends)]
        batch = _batches(ours, api_key, keys)
    return {
        **describe(),
        "rows": rows,
        "candidate": candidate,
        "sides": sides,
        "one_by_one": alone,
        "ramp": ramp,
        "batch": batch,
    }


def _prepare(folder: Path, rows: int, candidate: str) -> list[str]:
    use_case = load_use_case(USE_CASE)
    model = use_case.model.model_copy(update={"candidates": (candidate,), "variants": {}})
    use_case = use_case.model_copy(update={"model": model})
    load_file(use_case, write_csv(generate(rows=rows), folder / "leads.csv"))
    for stage in _STAGES:
        STAGES[stage](use_case, f"bench/{stage}")
    with psycopg.connect(settings.current().database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA stock; CREATE SCHEMA stock_online")
        keys = [str(key) for (key,) in connection.execute(f"SELECT lead_id FROM scores.{USE_CASE}".encode())]
    feast = store(folder / "stock").feast
    feast.materialize(datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
    with psycopg.connect(settings.current().database_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return keys


@contextmanager
def _service(module: list[str], ready: str, *more: str) -> Iterator[str]:
    """A process of its own; its address once it is ready."""
    port = free_port(18400)
    with open(os.devnull, "wb") as nowhere:
        process = subprocess.Popen([sys.executable, "-m", *module, str(port), *more], stdout=nowhere, stderr=nowhere)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 90
    try:
        while not _answers(url + ready):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{module[0]} did not start")
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _ramp(url: str, seconds: float, sends: Path) -> Iterator[Measured]:
    """More and more connections, until some are refused."""
    for connections in RAMP:
        found = measure(url, connections, seconds, sends)
        yield found
        if found.failed:
            return


def _batches(url: str, api_key: str, keys: list[str]) -> dict[str, float]:
    """Leads a second of whole requests, and inside the service by its own figures."""
    items = [{"lead_id": keys[number % len(keys)]} for number in range(BATCH)]
    with httpx.Client(base_url=url, headers={"X-API-Key": api_key}, trust_env=False, timeout=60) as client:
        body = json.dumps({"items": items}).encode()
        times = []
        for _ in range(BATCHES):
            began = time.perf_counter()
            found = client.post(
                f"/api/v1/{USE_CASE}/predict/batch", content=body, headers={"content-type": "application/json"}
            )
            times.append(time.perf_counter() - began)
            assert found.is_success
        figures = client.get("/metrics").text
    sums = [
        float(line.split()[-1]) for line in figures.splitlines() if "request_seconds_sum" in line and "batch" in line
    ]
    return {"outside": BATCH / median(times), "inside_mean": BATCH * BATCHES / sums[0]}


if __name__ == "__main__":
    main()
