"""The whole local stack as a user has it: the command line, real Postgres, real Airflow processes, kills and all."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from leadmill import settings
from leadmill.local import processes
from leadmill.local.airflow_api import Airflow, AirflowRefused, DagNotFound

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

TWO_GIB = 2 * 2**30
TOY = '''
"""An airflow dag that adds and can fail."""
from datetime import datetime
from airflow.sdk import Asset, dag, task

@dag(schedule=None, start_date=datetime(2026, 1, 1), params={"divisor": 1})
def toy():
    @task(outlets=[Asset("toy/number")])
    def number(params=None) -> float:
        print("a line of the task")
        return 10 / params["divisor"]

    @task
    def wait(x: float) -> float:
        return x

    wait(number())

toy()
'''

# The question of a training with `gate.mode: ask`, between a gate that passes and a task that hears the answer.
ASKING = '''
"""An airflow dag that asks a person as a training does."""
from datetime import datetime, timedelta
from pathlib import Path
from airflow.sdk import dag, task
from leadmill.orchestration import approval
from leadmill.spec import parse_use_case

SPEC = Path("{spec}")

def asking(patience):
    @dag(dag_id=f"asking_{{patience}}", schedule=None, start_date=datetime(2026, 1, 1))
    def build():
        @task
        def gate(ti=None):
            ti.xcom_push("comparison", "| | roc_auc |")

        @task
        def promote(answer) -> str:
            return str(approval.answered(answer))

        use_case = parse_use_case(SPEC)
        within = use_case.gate.model_copy(update={{"answer_within": timedelta(seconds=patience)}})
        asked = approval.ask(use_case.model_copy(update={{"gate": within}}))
        gate() >> asked
        promote(asked.output)

    return build()

patient, brief = asking(600), asking(2)
'''


class Stack:
    """One state folder and one home, used through the command line only."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.home = folder / "home"
        (self.home / "plugins").mkdir(parents=True)
        (self.home / "dags").mkdir()
        (self.home / "dags" / "toy.py").write_text(TOY)
        spec = settings.ROOT / "include" / "use_cases" / "leads" / "use_case.yaml"
        (self.home / "dags" / "asking.py").write_text(ASKING.format(spec=spec))

    def __call__(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, "-m", "leadmill", *arguments],
            env={**os.environ, "LEADMILL_STATE": str(self.state), "LEADMILL_HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
        )
        if code is not None:
            assert result.returncode == code, result.stdout + result.stderr
        return result

    def status(self) -> dict[str, dict[str, object]]:
        found = json.loads(self("status", "--json", code=None).stdout)
        return {one["name"]: one for one in found["services"]}

    def pids(self) -> dict[str, object]:
        return {name: one["pid"] for name, one in self.status().items()}

    def findings(self, check: str) -> list[dict[str, str]]:
        return [one for one in json.loads(self("doctor", "--json", code=None).stdout) if one["check"] == check]

    def variables(self) -> dict[str, str]:
        lines = self("env").stdout.splitlines()
        return {line.split("=", 1)[0].removeprefix("export "): line.split("=", 1)[1].strip("'") for line in lines}

    def airflow(self) -> Airflow:
        variables = self.variables()
        return Airflow(variables["AIRFLOW_URL"], variables["AIRFLOW_USER"], variables["AIRFLOW_PASSWORD"])


def within(seconds: float, done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.3)
    return True


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="leadmill-e2e-"))
    folder.chmod(0o711)
    one = Stack(folder)
    one("up")
    yield one
    one("down", code=None)
    shutil.rmtree(folder)


@pytest.fixture
def running(stack: Stack) -> Stack:
    """The stack, up, whatever the test before did to it."""
    stack("up")
    return stack


def test_up_makes_everything_healthy(running: Stack) -> None:
    services = running.status()
    assert {name: one["health"] for name, one in services.items()} == dict.fromkeys(
        ("postgres", "api-server", "scheduler", "dag-processor", "triggerer", "scoring-api"), "healthy"
    )
    assert all(one["memory"] < TWO_GIB for one in services.values())  # type: ignore[operator]


def test_up_again_does_nothing(running: Stack) -> None:
    before = running.pids()
    started = time.monotonic()
    running("up")
    assert time.monotonic() - started < 5
    assert running.pids() == before


def test_status_answers_quickly(running: Stack) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    running("status")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Processor time, because the machine may be busy with other tests.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2


def test_a_run_is_followed_through_the_api(running: Stack) -> None:
    with running.airflow() as airflow:
        airflow.wait_for_dag("toy")
        airflow.unpause("toy")
        assert not airflow.is_paused("toy")
        run_id = airflow.trigger("toy", {"divisor": 4})
        run = airflow.wait_for_run("toy", run_id, 120)
        assert (run.state, run.run_type, dict(run.conf)) == ("success", "manual", {"divisor": 4})
        assert run.seconds is not None
        assert run_id in [one.run_id for one in airflow.runs("toy")]
        tasks = {task.task_id: task for task in airflow.tasks("toy", run_id)}
        assert {name: task.state for name, task in tasks.items()} == {"number": "success", "wait": "success"}
        assert "a line of the task" in airflow.log("toy", run_id, tasks["number"])
        assert airflow.error("toy", run_id, tasks["number"]) is None
        event = airflow.asset_events(source_dag="toy")[0]
        assert (event.asset, event.source_run) == ("toy/number", run_id)


@pytest.fixture(scope="module")
def asked(stack: Stack) -> dict[str, str]:
    """A run that waits long for an answer and one that does so for two seconds; Airflow looks every 15 s."""
    stack("up")
    with stack.airflow() as airflow:
        for dag in ("asking_600", "asking_2"):
            airflow.wait_for_dag(dag)
            airflow.unpause(dag)
        return {dag: airflow.trigger(dag) for dag in ("asking_600", "asking_2")}


def heard(airflow: Airflow, dag: str, run_id: str) -> str:
    """What the task behind the question was told."""
    assert airflow.wait_for_run(dag, run_id, 60).state == "success"
    path = f"/dags/{dag}/dagRuns/{run_id}/taskInstances/promote/xcomEntries/return_value"
    return str(airflow._send("GET", path, "show what was told")["value"])


def test_a_person_is_shown_the_comparison_and_the_answer_says_who_and_why(
    running: Stack, asked: dict[str, str]
) -> None:
    dag, run_id = "asking_600", asked["asking_600"]
    run = f"/dags/{dag}/dagRuns/{run_id}"
    with running.airflow() as airflow:

        def questions() -> list[dict[str, str]]:
            found: list[dict[str, str]] = airflow._send("GET", f"{run}/hitlDetails", "ask")["hitl_details"]
            return found

        assert within(60, lambda: questions() != [])
        (question,) = questions()
        assert question["subject"] == "Lead conversion: may the challenger become champion?"
        assert question["body"] == "| | roc_auc |"
        answer = {"chosen_options": ["Approve"], "params_input": {"reason": "fine"}}
        airflow._send("PATCH", f"{run}/taskInstances/approve/-1/hitlDetails", "take the answer", json=answer)
        assert heard(airflow, dag, run_id) == "Answer(approved=True, who='admin', words='approved by admin: fine')"


def test_an_expired_token_is_renewed(running: Stack) -> None:
    with running.airflow() as airflow:
        airflow._token = "expired"
        assert "toy" in airflow.dag_ids()


def test_a_wrong_password_is_told(running: Stack) -> None:
    url = running.variables()["AIRFLOW_URL"]
    with Airflow(url, "admin", "wrong") as airflow, pytest.raises(AirflowRefused, match="401"):
        airflow.dag_ids()


def test_a_failed_run_shows_its_error_in_the_doctor(running: Stack) -> None:
    with running.airflow() as airflow:
        airflow.wait_for_dag("toy")
        airflow.unpause("toy")
        run_id = airflow.trigger("toy", {"divisor": 0})
        assert airflow.wait_for_run("toy", run_id, 120).state == "failed"
        (finding,) = running.findings("Runs")
        assert finding["level"] == "wrong"
        assert "toy, task number" in finding["found"]
        assert "ZeroDivisionError: division by zero" in finding["found"]
        airflow.wait_for_run("toy", airflow.trigger("toy", {"divisor": 1}), 120)
    assert running.findings("Runs")[0]["level"] == "ok"


def test_a_broken_dag_file_is_told(running: Stack) -> None:
    file = running.home / "dags" / "broken.py"
    file.write_text('"""An airflow dag."""\nimport no_such_module\n')
    try:
        assert within(40, lambda: running.findings("DAG files")[0]["level"] == "wrong")
        (finding,) = running.findings("DAG files")
        assert "broken.py" in finding["found"]
        assert "no_such_module" in finding["found"]
        assert running("doctor", code=1)
        with running.airflow() as airflow, pytest.raises(DagNotFound, match="no_such_module"):
            airflow.wait_for_dag("nowhere", 1)
    finally:
        file.unlink()
    assert within(90, lambda: running.findings("DAG files")[0]["level"] == "ok")


def test_no_answer_in_time_is_a_no(running: Stack, asked: dict[str, str]) -> None:
    with running.airflow() as airflow:
        said = heard(airflow, "asking_2", asked["asking_2"])
    assert said == "Answer(approved=False, who=None, words='nobody answered in time whether it may serve')"


def test_secrets_are_in_no_command_line_and_no_log(running: Stack) -> None:
    secrets = [value.encode() for value in json.loads((running.state / "secrets.json").read_text()).values()]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes()
        except OSError:
            continue
        assert not any(secret in line for secret in secrets), process
    for log in (file for file in running.state.rglob("*.log") if file.is_file()):
        text = log.read_bytes()
        assert not any(secret in text for secret in secrets), log


def test_everything_listens_on_loopback_only(running: Stack) -> None:
    ours = set()
    for pid in [*processes.marked(running.state), int(str(running.pids()["postgres"]))]:
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                ours.add(os.readlink(descriptor))
            except OSError:
                continue
    listening = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in ours:
                listening.append(fields[1].split(":")[0])
    assert listening
    assert set(listening) == {"0100007F"}


def test_a_killed_component_comes_back_alone(running: Stack) -> None:
    before = running.status()
    killed = int(str(before["scheduler"]["pid"]))
    workers = processes.session_members(killed)
    assert len(workers) > 1
    os.kill(killed, signal.SIGKILL)
    assert within(10, lambda: running.status()["scheduler"]["pid"] not in (None, killed))
    assert not any(processes.identity(pid) for pid in workers), "the dead scheduler's workers would run tasks twice"
    assert within(60, lambda: running.status()["scheduler"]["health"] == "healthy")
    after = running.status()
    assert after["scheduler"]["restarts"] == 1
    for name in ("postgres", "api-server", "dag-processor", "triggerer"):
        assert after[name]["pid"] == before[name]["pid"]
    with running.airflow() as airflow:
        airflow.wait_for_dag("toy")
        airflow.unpause("toy")
        assert airflow.wait_for_run("toy", airflow.trigger("toy"), 120).state == "success"


def test_a_killed_postgres_is_told_and_mended(running: Stack) -> None:
    os.kill(int(str(running.pids()["postgres"])), signal.SIGKILL)
    assert within(10, lambda: not running.status()["postgres"]["running"])
    assert running.findings("PostgreSQL")[0]["level"] == "wrong"
    running("up")
    assert running.findings("PostgreSQL")[0]["level"] == "ok"


def test_down_leaves_no_process_and_up_finds_everything_again(running: Stack) -> None:
    before = running.variables()
    postgres = int(str(running.pids()["postgres"]))
    running("down")
    assert processes.marked(running.state) == []
    assert processes.identity(postgres) is None
    assert {one["health"] for one in running.status().values()} == {"stopped"}
    running("down")
    running("up")
    assert running.variables() == before


def test_down_after_the_supervisor_was_killed_leaves_no_process(running: Stack) -> None:
    supervisor = json.loads((running.state / "supervisor.json").read_text())["process"]["pid"]
    os.kill(supervisor, signal.SIGKILL)
    running("down")
    assert processes.marked(running.state) == []


def test_up_after_the_supervisor_was_killed_mends(running: Stack) -> None:
    supervisor = json.loads((running.state / "supervisor.json").read_text())["process"]["pid"]
    os.kill(supervisor, signal.SIGKILL)
    assert within(5, lambda: processes.identity(supervisor) is None)
    assert any(one["level"] == "wrong" for one in running.findings("Airflow"))
    running("up")
    assert {one["health"] for one in running.status().values()} == {"healthy"}


def test_taken_ports_are_told_and_others_used(running: Stack) -> None:
    running("down")
    remembered = json.loads((running.state / "ports.json").read_text())
    with socket.socket() as first, socket.socket() as second:
        for server, port in ((first, remembered["airflow"]), (second, remembered["postgres"])):
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", port))
            server.listen()
        assert {one["level"] for one in running.findings("Ports")} == {"note"}
        result = running("up")
        assert f"Port {remembered['airflow']} is taken by another program" in result.stderr
    chosen = json.loads((running.state / "ports.json").read_text())
    assert chosen["airflow"] != remembered["airflow"]
    assert chosen["postgres"] != remembered["postgres"]
    with psycopg.connect(running.variables()["LEADMILL_DATABASE_URL"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_two_ups_at_once_make_one_stack(running: Stack) -> None:
    running("down")
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda _: running("up"), range(2)))
    assert sum("Starting Airflow" in result.stderr for result in results) == 1
    assert sum("waiting for it" in result.stderr for result in results) == 1


def test_a_state_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    one = Stack(tmp_path)
    one.state = tmp_path / "file" / "state"
    result = one("up", code=1)
    assert "cannot be written" in result.stderr
    assert "Traceback" not in result.stderr


def test_reset_deletes_everything(running: Stack) -> None:
    running("reset", "--yes")
    assert not running.state.exists()
    assert processes.marked(running.state) == []
    assert running("status", code=1)
