"""The scoring API in trouble: promotions under load, the database gone and back, the end of the service."""

import math
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx
import psycopg
import pytest
from scoring_support import execute
from serving_support import ROUTE, Api, Service, served_training, service
from support import query, until

from leadmill import settings
from leadmill.local import ports, stack
from leadmill.local.postgres import Server
from leadmill.local.processes import resident_bytes
from leadmill.registry import champion, store
from leadmill.registry.champion import load_version
from leadmill.scoring.scorer import scorer

# Five minutes: SOAK_SECONDS=300 ./leadmill test tests/integration/test_serving_trouble.py -k soak
SOAK = float(os.environ.get("SOAK_SECONDS", "30"))
MODEL_ROUTES = (("GET", "/model"), ("GET", "/models"), ("GET", "/models/1"), ("POST", "/models/2/choose"))
SCRIPT = Path(__file__).parents[1] / "soak.lua"


@pytest.fixture(scope="module")
def api(postgres: dict[str, str]) -> Iterator[Api]:
    with served_training("logistic_regression") as one:
        second(one)
        yield one


def second(api: Api) -> None:
    """Version 2: the same model with other bands, so that every answer tells who gave it."""
    name = "x_education"
    client = store.client()
    first = client.get_model_version(name, "1")
    client.create_model_version(name, first.source, first.run_id)
    columns = query("SELECT column_name AS name FROM information_schema.columns WHERE table_schema = 'ops' "
                    "AND table_name = 'models' ORDER BY ordinal_position")  # fmt: skip
    changed = {
        "version": "'2'",
        "mlflow_run_id": "mlflow_run_id || '-2'",
        "bands": """'[{"band": "A", "from": 0.0}]'::jsonb""",
    }
    listed = [row["name"] for row in columns]
    execute(
        f"INSERT INTO ops.models ({', '.join(listed)}) SELECT {', '.join(changed.get(one, one) for one in listed)} "
        "FROM ops.models WHERE version = '1'"
    )


def crown(version: str) -> None:
    store.client().set_registered_model_alias("x_education", store.CHAMPION, version)


def restart_database(away: float) -> float:
    """Stop Postgres, start it again after a while; when that began."""
    chosen = ports.load(stack.folder().ports)
    assert chosen is not None
    server, began = Server(stack.folder()), time.monotonic()
    server.stop()
    time.sleep(away)
    server.start(chosen.postgres)
    return began


@dataclass
class Soak:
    """What wrk did: requests answered, and what its script wrote down."""

    requests: int
    lines: list[tuple[float, str, str]]

    def of(self, kind: str) -> list[tuple[float, str]]:
        return [(at, said) for at, what, said in self.lines if what == kind]


@contextmanager
def asking(one: Service, folder: Path, seconds: float, pause_ms: int) -> Iterator[Soak]:
    """wrk, which asks for known leads on 16 connections with a pause after each answer, until ``seconds`` are over."""
    leads = query("SELECT lead_id, lead_score, band FROM scores.x_education")
    (folder / "leads.txt").write_text("".join(f"{one['lead_id']} {one['lead_score']} {one['band']}\n" for one in leads))
    seen, told = folder / "seen.txt", {"LEADS": str(folder / "leads.txt"), "SEEN": str(folder / "seen.txt")}
    wrk = subprocess.Popen(
        ["wrk", "-t1", "-c16", f"-d{seconds:.0f}s", "--timeout", "30s", "-s", str(SCRIPT), f"{one.url}{ROUTE}/predict"],
        env={**os.environ, **told, "API_KEY": one.key, "PAUSE_MS": str(pause_ms)},
        stdout=subprocess.PIPE,
        text=True,
    )
    soak = Soak(0, [])
    try:
        yield soak
        said = wrk.communicate(timeout=seconds + 60)[0]
    finally:
        wrk.kill()
    found = re.search(r"(\d+) requests in", said)
    assert found is not None, said
    soak.requests = int(found[1])
    for line in seen.read_text().splitlines():
        at, kind, text = line.split(" ", 2)
        soak.lines.append((float(at), kind, text))


@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_a_soak_with_promotion_rollback_and_a_database_restart(api: Api, tmp_path: Path) -> None:
    with service(api.key, tmp_path / "log") as one:
        with asking(one, tmp_path, 5, 0) as most:
            pass
        rate = most.requests / 5
        # A round of a connection takes 16 / rate at the most; at 70 % of that an answer is there in some .4 of it.
        pause = round(16 / rate * (1 / 0.7 - 0.4) * 1000)
        with asking(one, tmp_path, SOAK, pause) as soak:
            time.sleep(SOAK / 6)
            memory, swaps = resident_bytes(one.process.pid), [time.monotonic()]
            crown("2")
            time.sleep(SOAK / 6)
            began = restart_database(2.0)
            until(lambda: httpx.get(f"{one.url}/readyz", trust_env=False).is_success)
            back = time.monotonic()
            time.sleep(SOAK / 6)
            swaps.append(time.monotonic())
            crown("1")
        grown = resident_bytes(one.process.pid) - memory
    told = f"{soak.requests / SOAK:.0f} of {rate:.0f}/s for {SOAK:.0f} s, memory +{grown / 2**20:.1f} MiB"
    print(told)  # noqa: T201 - what a long soak is run for
    assert not soak.of("wrong")
    # A request keeps the version that it began with, so for a moment both answer.
    seen = soak.of("version")
    answered = [[one for at, one in seen if begin < at <= end] for begin, end in pairwise([0, *swaps, math.inf])]
    assert [versions[-1] for versions in answered] == ["1", "2", "1"], seen
    assert all(min(abs(at - swap) for swap in swaps) < SOAK / 4 for at, _ in seen[1:]), seen
    assert {status for _, status in soak.of("status")} <= {"503"}
    assert all(began - 1 <= at <= back + 1 for at, _ in soak.of("status")), (began, back, soak.of("status")[-1])
    assert soak.requests > 0.25 * rate * SOAK
    assert grown < 40 * 2**20


def test_the_database_away_is_503_with_retry_after(api: Api) -> None:
    server = Server(stack.folder())
    chosen = ports.load(stack.folder().ports)
    assert chosen is not None
    key = query("SELECT lead_id FROM scores.x_education LIMIT 1")[0]["lead_id"]
    server.stop()
    try:
        began = time.monotonic()
        found = api.post("/predict", {"lead_id": key})
        assert (found.status_code, found.json()["type"]) == (503, "urn:leadmill:problem:unavailable")
        assert found.headers["retry-after"]
        for method, path in MODEL_ROUTES:
            away_is_503(api, method, path)
        assert time.monotonic() - began < 5
        assert api.client.get("/readyz").status_code == 503
        assert api.client.get("/healthz").status_code == 200
        # What needs no database is answered: the payload's own features.
        assert api.predict(key, {"total_visits": 3})["prediction"]["lead_score"] >= 0
    finally:
        server.start(chosen.postgres)
    until(lambda: api.post("/predict", {"lead_id": key}).status_code == 200)


def test_the_database_of_mlflow_away_alone_is_503_with_retry_after(api: Api) -> None:
    with psycopg.connect(settings.current().database_url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE mlflow ALLOW_CONNECTIONS false")
        try:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'mlflow'")
            for method, path in MODEL_ROUTES[1:]:
                away_is_503(api, method, path)
        finally:
            connection.execute("ALTER DATABASE mlflow ALLOW_CONNECTIONS true")
    until(lambda: api.client.get(f"{ROUTE}/models").status_code == 200)


def test_the_source_away_is_503_where_its_clock_is_asked(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://nobody@127.0.0.1:1/none")
    settings.current.cache_clear()
    away_is_503(api, "POST", "/models/1/choose")


def away_is_503(api: Api, method: str, path: str) -> None:
    found = api.client.request(method, ROUTE + path)
    assert (found.status_code, found.json()["type"]) == (503, "urn:leadmill:problem:unavailable"), (path, found.text)
    assert found.headers["retry-after"]


def test_two_hundred_reloads_leave_the_memory_as_it_was(api: Api) -> None:
    use_case = api.state.served["x_education"].use_case
    seen = []
    for number in range(200):
        champion._pipeline_once.cache_clear()
        scorer(use_case, load_version(use_case, str(1 + number % 2)))
        if number in (19, 199):
            seen.append(resident_bytes(os.getpid()))
    assert seen[1] - seen[0] <= 20 * 2**20


def test_an_accepted_request_survives_the_end_of_the_service(api: Api, tmp_path: Path) -> None:
    keys = [row["lead_id"] for row in query("SELECT lead_id FROM scores.x_education")]
    items = {"items": [{"lead_id": key} for key in keys * 6][:9000]}
    answers: list[httpx.Response] = []
    with (
        service(api.key, tmp_path / "log") as one,
        httpx.Client(base_url=one.url, headers=api.client.headers, trust_env=False, timeout=60) as client,
    ):
        sending = threading.Thread(target=lambda: answers.append(client.post(f"{ROUTE}/predict/batch", json=items)))
        sending.start()
        time.sleep(0.1)
        one.process.send_signal(signal.SIGTERM)
        sending.join()
    log = one.log.read_text()
    # uvicorn ends by the signal it was sent, once everything is done.
    assert one.process.returncode in (0, -signal.SIGTERM), log[-2000:]
    assert len(answers[0].json()["results"]) == 9000
    # And what it answered is in the log of predictions.
    request = answers[0].json()["request_id"]
    assert query("SELECT count(*) AS n FROM ops.predictions WHERE request_id = %s", [request])[0]["n"] == 9000
    # Nobody's key is in the service's own log, of each request one line.
    assert not any(key in log for key in keys)
    assert '"route":"/api/v1/x_education/predict/batch"' in log


def test_answers_that_are_being_logged_at_the_end_of_the_service_are_logged(api: Api, tmp_path: Path) -> None:
    keys = [row["lead_id"] for row in query("SELECT lead_id FROM scores.x_education LIMIT 300")]
    waiting = (
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'leadmill-api' AND wait_event_type = 'Lock' "
        "AND query LIKE 'COPY %predictions%'"
    )
    with service(api.key, tmp_path / "log") as one:
        with psycopg.connect(settings.current().database_url) as holder:
            holder.execute("LOCK TABLE ops.predictions IN SHARE MODE")
            found = httpx.post(
                f"{one.url}{ROUTE}/predict/batch",
                json={"items": [{"lead_id": key} for key in keys]},
                headers=api.client.headers,
                trust_env=False,
                timeout=60,
            )
            until(lambda: query(waiting) != [])
            one.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
        one.process.wait(timeout=30)
    request = found.json()["request_id"]
    assert query("SELECT count(*) AS n FROM ops.predictions WHERE request_id = %s", [request])[0]["n"] == len(keys)


def test_the_reading_role_sees_predictions_and_no_digests(api: Api) -> None:
    with psycopg.connect(settings.current().database_url) as connection:
        grants = connection.execute(
            "SELECT has_table_privilege('leadmill_reader', 'ops.api_keys', 'SELECT'), "
            "has_table_privilege('leadmill_reader', 'ops.predictions', 'SELECT')"
        ).fetchone()
    assert grants == (False, True)
