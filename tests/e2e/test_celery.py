"""The services of docker-compose.yaml as plain processes: healthy, and with the scores that LocalExecutor gives.

One Postgres, whose roles the compose file's own script makes. The demo runs there under LocalExecutor; then what it
extracted, published and scored is deleted, the services of the compose file are started on the same databases with a
real Redis and two Celery workers, and they do it again with the same champion.
"""

import json
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from compose_support import PATH, PROGRAMS, ROOT, Ports, Processes
from demo_support import ROWS, Demo

from leadmill.local import credentials, ports
from leadmill.local.airflow_api import Airflow
from leadmill.local.postgres import Server, binaries
from leadmill.local.state import StateFolder
from leadmill.spec import use_case_names

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed"),
]

# Each with how much of it the demo makes, and how many scores that comes to at least: of leads only the open ones.
USE_CASES = {
    "x_education": (("--leads", str(ROWS)), 2000),
    "leads": (("--leads", "3000", "--days", "150"), 100),
}
WORKERS = ("worker-1", "worker-2")
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")
WATCHING = tuple(name for name, program in PROGRAMS.items() if shutil.which(program))
SERVICES = ("redis", "postgres", *AIRFLOW, "mlflow", "scoring-api", *WORKERS, *WATCHING)
NOT_RUN = {"grafana", "statsd-exporter"}
KEPT = ("ops.models", "ops.promotions")
# What both stacks must have in common: the roles' passwords, and the key of what Airflow stores encrypted.
SHARED_SECRETS = {
    **{
        f"{role}_password": role for role in ("postgres", "leadmill", "warehouse", "leadmill_source", "leadmill_reader")
    },
    "airflow_fernet_key": "airflow_fernet_key",
}
# On a busy machine; a quiet one needs a tenth.
SECONDS = 400.0

Scores = dict[str, dict[str, Any]]


@dataclass
class Stack:
    """The compose file's services, and what LocalExecutor had made of the same data."""

    demo: Demo
    services: Processes
    before: dict[str, Scores]
    metrics: set[str] = field(default_factory=set)

    def airflow(self) -> Airflow:
        passwords = json.loads((self.services.secrets / "airflow_passwords.json").read_text())
        return Airflow(f"http://127.0.0.1:{self.services.ports.api_server}", "admin", passwords["admin"])

    def tasks_of(self, worker: str) -> int:
        """How many tasks that worker has taken, as it says itself."""
        environment = self.services.environment("worker", worker)
        broker = {"BROKER_URL": (self.services.secrets / "airflow_broker_url").read_text()}
        command = ["celery", "inspect", "stats", "--json", "--timeout", "10", "--destination", f"worker@{worker}"]
        answer = subprocess.run(command, env=environment | broker, capture_output=True, text=True, check=True)
        return sum(json.loads(answer.stdout)[f"worker@{worker}"]["total"].values())


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """A state folder of its own with a Postgres whose roles and databases deploy/postgres/roles.sql made."""
    folder = Path(tempfile.mkdtemp(prefix="leadmill-compose-"))
    # Under root, Postgres runs as an unprivileged user who must be able to pass through.
    folder.chmod(0o711)
    made = Demo(folder)
    made.simplify(*USE_CASES)
    state = StateFolder(made.state)
    state.create()
    known = credentials.load_or_create(state.secrets)
    (folder / "secrets").mkdir()
    for file, name in SHARED_SECRETS.items():
        (folder / "secrets" / file).write_text(getattr(known, name))
    subprocess.run(["sh", str(ROOT / "deploy" / "make-secrets.sh"), str(folder / "secrets")], check=True)
    server = Server(state)
    server.initialise(known)
    chosen = ports.Ports(ports.free_port(15433), ports.free_port(28080))
    ports.save(state.ports, chosen)
    server.start(chosen.postgres)
    subprocess.run(
        [
            *(str(binaries() / "psql"), "--no-psqlrc", "--quiet", "-h", "127.0.0.1", "-p", str(chosen.postgres)),
            *("-U", "postgres", "-f", str(ROOT / "deploy" / "postgres" / "roles.sql")),
        ],
        env={"PATH": PATH, "PGPASSWORD": known.postgres, "LEADMILL_SECRETS": str(folder / "secrets")},
        check=True,
    )
    try:
        yield made
    finally:
        made("down", code=None)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stack(demo: Demo) -> Iterator[Stack]:
    """The services running on the databases of the demo, from which features and scores were deleted."""
    remembered = ports.load(StateFolder(demo.state).ports)
    assert remembered is not None
    services = Processes(demo.folder / "compose", demo.folder / "secrets", demo.state, Ports(remembered.postgres))
    services.run("prepare")
    for use_case, (size, _) in USE_CASES.items():
        demo.report[use_case] = demo.json("demo", use_case, *size)
    made = Stack(demo, services, {use_case: scores(demo, use_case) for use_case in USE_CASES})
    demo("down")
    Server(StateFolder(demo.state)).start(remembered.postgres)
    forget(demo)
    receiver = threading.Thread(target=_receive, args=(services.ports.statsd, made.metrics), daemon=True)
    receiver.start()
    try:
        services.start("redis")
        services.healthy("redis")
        for name in (*AIRFLOW, "mlflow", "scoring-api", *WATCHING):
            services.start(name)
        for name in WORKERS:
            services.start("worker", name, "--concurrency", "1")
        yield made
    finally:
        services.stop()


def _receive(port: int, names: set[str]) -> None:
    """Collect the names of the metrics that are sent to the port of statsd-exporter."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", port))
        while True:
            for line in receiver.recv(65535).decode().splitlines():
                names.add(re.split(r"[,:]", line)[0])


def scores(demo: Demo, use_case: str) -> Scores:
    key = "lead_id"
    return {str(row[key]): row for row in demo.rows(f"SELECT * FROM scores.{use_case}")}


def forget(demo: Demo) -> None:
    """Empty everything that the pipeline made, but for the models."""
    with psycopg.connect(demo.variables()["LEADMILL_DATABASE_URL"], autocommit=True) as connection:
        tables = connection.execute(
            "SELECT schemaname || '.' || tablename FROM pg_tables "
            "WHERE schemaname IN ('raw', 'rejected', 'staging', 'features', 'online', 'scores', 'ops')"
        ).fetchall()
        emptied = ", ".join(name for (name,) in tables if name not in KEPT)
        connection.execute(f"TRUNCATE {emptied} RESTART IDENTITY".encode())


def until(done: Any, seconds: float = SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


@pytest.mark.parametrize("name", SERVICES)
def test_the_health_check_of_every_service_passes(stack: Stack, name: str) -> None:
    stack.services.healthy(name)


def test_every_service_was_run_but_those_that_need_their_image(stack: Stack) -> None:
    run = {"worker" if name in WORKERS else name for name in SERVICES} | set(PROGRAMS)
    assert run | {"prepare", "load"} | NOT_RUN == set(stack.services.services)


@pytest.mark.skipif(len(WATCHING) < len(PROGRAMS), reason="Debian's prometheus or its exporter is not installed")
def test_prometheus_sees_postgres(stack: Stack) -> None:
    url = f"http://127.0.0.1:{stack.services.ports.prometheus}/api/v1/query"
    with httpx.Client(trust_env=False) as client:

        def value() -> str | None:
            found = client.get(url, params={"query": "pg_up"}).json()["data"]["result"]
            return found[0]["value"][1] if found else None

        assert until(lambda: value() == "1", 40)


def test_the_scoring_api_serves_both_use_cases(stack: Stack) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.services.ports.api}", trust_env=False) as client:
        assert until(lambda: {*USE_CASES} == {name for name, version in served(client).items() if version}, 60)
        assert set(served(client)) == set(use_case_names())


def served(client: httpx.Client) -> dict[str, str | None]:
    """The champion of each use case, None where there is none yet."""
    found: dict[str, str | None] = client.get("/").json()["champions"]
    return found


@pytest.mark.parametrize("use_case", USE_CASES)
def test_celery_workers_give_the_scores_of_local_executor(stack: Stack, use_case: str) -> None:
    expected = stack.before[use_case]
    assert len(expected) > USE_CASES[use_case][1]
    with stack.airflow() as airflow:
        # The source's watcher starts it too, since no window covers the source any more: whoever comes first.
        etl = airflow.wait_for_run(f"{use_case}_etl", airflow.trigger(f"{use_case}_etl"), SECONDS)
        assert etl.state == "success"
        # Scoring starts by itself after new features.
        assert until(lambda: len(scores(stack.demo, use_case)) == len(expected))
    found = scores(stack.demo, use_case)
    assert found.keys() == expected.keys()
    assert max(abs(found[key]["probability"] - expected[key]["probability"]) for key in found) <= 1e-12
    for column in ("lead_score", "band", "percentile", "status", "model_version", "feature_timestamp", "scored_at"):
        assert all(found[key][column] == expected[key][column] for key in found), column


def test_both_workers_took_tasks(stack: Stack) -> None:
    if not all(stack.tasks_of(worker) for worker in WORKERS):
        with stack.airflow() as airflow:
            # One was always the quicker. Two runs at once: neither worker has room for both.
            started = [(dag_id, airflow.trigger(dag_id)) for dag_id in ("x_education_etl", "x_education_score")]
            assert all(airflow.wait_for_run(*one, SECONDS).state == "success" for one in started)
    taken = {worker: stack.tasks_of(worker) for worker in WORKERS}
    assert min(taken.values()) > 0, taken


def test_a_tasks_log_is_read_from_the_shared_volume(stack: Stack) -> None:
    with stack.airflow() as airflow:
        run = airflow.newest_finished("x_education_score")
        assert run is not None
        task = next(one for one in airflow.tasks(run.dag_id, run.run_id) if one.task_id == "plan")
        assert "Could not read served logs" not in airflow.log(run.dag_id, run.run_id, task)
        assert len(airflow.log(run.dag_id, run.run_id, task)) > 100


def test_the_loader_finds_the_demo_warehouse(stack: Stack) -> None:
    file = next((stack.demo.state / "demo").glob("*.csv"))
    assert "was loaded before" in stack.services.run("load", "x_education", str(file))


def test_the_metrics_of_the_dashboard_are_sent(stack: Stack) -> None:
    dashboard = (ROOT / "deploy" / "grafana" / "dashboards" / "leadmill.json").read_text()
    asked = set(re.findall(r"airflow_\w+", dashboard))
    sent = {name.replace(".", "_") for name in stack.metrics}
    assert asked <= sent, asked - sent


def test_nothing_is_written_where_a_container_cannot_write(stack: Stack) -> None:
    assert stack.services.written_into_the_image() == set()


def test_no_password_is_in_the_environment_of_a_service(stack: Stack) -> None:
    hidden = [file.read_text() for file in stack.services.secrets.glob("*_password")]
    for name in stack.services.running:
        service = "worker" if name in WORKERS else name
        given = " ".join(stack.services.environment(service, name).values())
        assert not [one for one in hidden if one in given], name
