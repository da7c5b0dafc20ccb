"""The scoring API in trouble: promotions under load, the database gone and back, the end of the service."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
import pytest
from scoring_support import execute
from serving_support import ROUTE, Api, free_port, served_training, until
from support import query

from leadmill import settings
from leadmill.local import ports, stack
from leadmill.local.postgres import Server
from leadmill.local.processes import resident_bytes
from leadmill.registry import champion, store
from leadmill.registry.champion import load_version
from leadmill.scoring.scorer import scorer

# Five minutes: SOAK_SECONDS=300 ./leadmill test tests/integration/test_serving_trouble.py -k soak
SOAK = float(os.environ.get("SOAK_SECONDS", "30"))


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


def restart_database(away: float) -> tuple[float, float]:
    """Stop Postgres, start it again after a while; when that began and ended."""
    chosen = ports.load(stack.folder().ports)
    assert chosen is not None
    server, began = Server(stack.folder()), time.monotonic()
    server.stop()
    time.sleep(away)
    server.start(chosen.postgres)
    return began, time.monotonic()


@dataclass
class Load:
    """Clients that ask without a pause, and every answer: when it was asked for, status, version, band, score."""

    api: Api
    keys: list[str]
    answers: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self, pause: float) -> None:
        drawn = random.Random()
        with httpx.Client(
            base_url=self.api.url, headers=self.api.client.headers, trust_env=False, timeout=30
        ) as client:
            while not self.ended.is_set():
                began = time.monotonic()
                found = client.post(f"{ROUTE}/predict", json={"lead_id": drawn.choice(self.keys)})
                self.answers.append((began, found.status_code, found.json()))
                time.sleep(pause)

    def __enter__(self) -> "Load":
        self._threads = [threading.Thread(target=self.run, args=(0.005,)) for _ in range(2)]
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for one in self._threads:
            one.join()


@pytest.mark.timeout(900)
def test_a_soak_with_promotion_rollback_and_a_database_restart(api: Api) -> None:
    stored = {row["lead_id"]: row for row in query("SELECT * FROM scores.x_education")}
    memory = resident_bytes(os.getpid())
    with Load(api, list(stored)) as load:
        time.sleep(SOAK / 4)
        crown("2")
        time.sleep(SOAK / 4)
        began, ended = restart_database(2.0)
        until(lambda: api.client.get("/readyz").is_success)
        time.sleep(SOAK / 4)
        crown("1")
        time.sleep(SOAK / 4)
    assert {answer["model_version"] for _, status, answer in load.answers if status == 200} == {"1", "2"}
    assert load.answers[-1][2]["model_version"] == "1"
    for at, status, answer in load.answers:
        if status != 200:
            assert began - 1 <= at <= ended + 3, (status, at - began, answer)
            assert status == 503
            continue
        told, kept = answer["prediction"], stored[answer["lead_id"]]
        assert told["lead_score"] == kept["lead_score"]
        # Bands and model are swapped in one step.
        assert told["band"] == (kept["band"] if answer["model_version"] == "1" else "A")
    assert len(load.answers) > 20 * SOAK
    assert resident_bytes(os.getpid()) - memory < 80 * 2**20


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
        assert time.monotonic() - began < 5
        assert api.client.get("/readyz").status_code == 503
        assert api.client.get("/healthz").status_code == 200
        # What needs no database is answered: the payload's own features.
        assert api.predict(key, {"total_visits": 3})["prediction"]["lead_score"] >= 0
    finally:
        server.start(chosen.postgres)
    until(lambda: api.post("/predict", {"lead_id": key}).status_code == 200)


def test_two_hundred_reloads_leave_the_memory_as_it_was(api: Api) -> None:
    use_case = api.state.served["x_education"].use_case
    seen = []
    for number in range(200):
        champion._pipeline_once.cache_clear()
        scorer(use_case, load_version(use_case, str(1 + number % 2)))
        if number in (19, 199):
            seen.append(resident_bytes(os.getpid()))
    assert seen[1] - seen[0] <= 20 * 2**20


def test_an_accepted_request_survives_the_end_of_the_service(api: Api) -> None:
    port = free_port()
    service = subprocess.Popen(
        [sys.executable, "-m", "leadmill.serving", "--port", str(port)], env=dict(os.environ), stderr=subprocess.PIPE
    )
    keys = [row["lead_id"] for row in query("SELECT lead_id FROM scores.x_education")]
    items = {"items": [{"lead_id": key} for key in keys * 6][:9000]}
    answers: list[httpx.Response] = []
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers=api.client.headers, trust_env=False, timeout=60
    ) as client:

        def ready() -> bool:
            try:
                return client.get("/").json()["champions"]["x_education"] is not None
            except (httpx.HTTPError, KeyError):
                return False

        until(ready, 60)
        asking = threading.Thread(target=lambda: answers.append(client.post(f"{ROUTE}/predict/batch", json=items)))
        asking.start()
        time.sleep(0.15)
        service.send_signal(signal.SIGTERM)
        asking.join()
    log = service.communicate(timeout=30)[1].decode()
    # uvicorn ends by the signal it was sent, once everything is done.
    assert service.returncode in (0, -signal.SIGTERM), log[-2000:]
    assert len(answers[0].json()["results"]) == 9000
    # And what it answered is in the log of predictions.
    request = answers[0].json()["request_id"]
    assert query("SELECT count(*) AS n FROM ops.predictions WHERE request_id = %s", [request])[0]["n"] == 9000
    # Nobody's key is in the service's own log, of each request one line.
    assert not any(key in log for key in keys)
    assert '"route":"/api/v1/x_education/predict/batch"' in log


def test_the_reading_role_sees_predictions_and_no_digests(api: Api) -> None:
    with psycopg.connect(settings.current().database_url) as connection:
        grants = connection.execute(
            "SELECT has_table_privilege('leadmill_reader', 'ops.api_keys', 'SELECT'), "
            "has_table_privilege('leadmill_reader', 'ops.predictions', 'SELECT')"
        ).fetchone()
    assert grants == (False, True)
