import os
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from http_support import JsonHandler

from leadmill import settings
from leadmill.local import checks_airflow, checks_machine, doctor, ports, stack
from leadmill.local.airflow_api import Airflow, Run
from leadmill.local.doctor import Finding
from leadmill.local.state import StateFolder, StateNotWritable

# As Airflow tells of a task that a person set to failed while it waited.
FAILED = {"task_id": "publish", "map_index": -1, "state": "failed", "try_number": 0}


@pytest.fixture
def no_stack(tmp_path: Path) -> Iterator[Path]:
    """A state folder in which nothing was ever started."""
    before = os.environ["LEADMILL_STATE"]
    settings.apply({"LEADMILL_STATE": str(tmp_path / "state")})
    yield tmp_path / "state"
    settings.apply({"LEADMILL_STATE": before})


def test_another_python_is_wrong() -> None:
    (finding,) = checks_machine.python_version((3, 12))
    assert finding.level == "wrong"
    assert "3.12" in finding.found


def test_an_interrupted_bootstrap_is_told(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("a==1\n")
    (finding,) = checks_machine.environment_in_step(tmp_path / ".venv", tmp_path)
    assert (finding.level, finding.remedy is not None) == ("wrong", True)
    assert "interrupted" in finding.found


def test_an_environment_older_than_the_lock_is_told(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("a==2\n")
    (tmp_path / "installed.lock").write_text("a==1\n")
    (finding,) = checks_machine.environment_in_step(tmp_path, tmp_path)
    assert finding.level == "wrong"
    (tmp_path / "installed.lock").write_text("a==2\n")
    assert next(checks_machine.environment_in_step(tmp_path, tmp_path)).level == "ok"


def test_a_file_where_the_state_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    state = StateFolder(tmp_path / "file" / "state")
    (finding,) = checks_machine.state_writable(state)
    assert finding.level == "wrong"
    with pytest.raises(StateNotWritable, match="LEADMILL_STATE"):
        state.create()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_closed_state_folder_is_told(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    (finding,) = checks_machine.state_writable(StateFolder(closed / "state"))
    assert finding.level == "wrong"


def test_a_taken_port_is_noted(no_stack: Path) -> None:
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        no_stack.mkdir()
        ports.save(stack.folder().ports, ports.Ports(server.getsockname()[1], 1))
        finding = next(checks_machine.ports_free_or_ours())
    assert finding.level == "note"
    assert "taken by another program" in finding.found


def test_a_stopped_stack_is_not_a_fault(no_stack: Path) -> None:
    findings = doctor.examine()
    assert {one.check for one in findings} >= {
        "Python",
        "Lock",
        "State folder",
        "Disk",
        "Ports",
        "PostgreSQL",
        "Airflow",
    }
    assert not doctor.something_wrong(one for one in findings if one.check in ("PostgreSQL", "Airflow"))
    assert not no_stack.exists(), "the doctor only looks"


def test_a_check_that_fails_is_a_finding_among_the_others(no_stack: Path) -> None:
    no_stack.mkdir()
    stack.folder().supervisor.write_text("{")
    findings = doctor.examine()
    failed = {one.check: one for one in findings if "could not be looked at" in one.found}
    assert "JSONDecodeError" in failed["Components healthy"].found
    assert {one.level for one in failed.values()} == {"wrong"}
    assert {one.check for one in findings} >= {"Python", "Lock", "Disk"}


@pytest.fixture
def answering() -> Iterator[Airflow]:
    """A client of a server that has one failed task, and no log of it."""

    class Answer(JsonHandler):
        def do_GET(self) -> None:
            self.say(HTTPStatus.NOT_FOUND if "/logs/" in self.path else HTTPStatus.OK, {"task_instances": [FAILED]})

        def do_POST(self) -> None:
            self.say(HTTPStatus.CREATED, {"access_token": "any"})

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever).start()
        with Airflow(f"http://127.0.0.1:{server.server_port}", "admin", "any") as airflow:
            yield airflow
        server.shutdown()


def test_a_task_that_was_failed_by_hand_before_it_started_has_no_log(answering: Airflow) -> None:
    run = Run("leads_etl", "manual", "failed", "manual", {}, None, None, None)
    finding = checks_airflow._failure(answering, run)
    assert finding.level == "wrong"
    assert "task publish of manual: no log" in finding.found


def test_only_wrong_findings_count() -> None:
    assert not doctor.something_wrong([Finding("a", "ok", ""), Finding("b", "note", "")])
    assert doctor.something_wrong([Finding("a", "ok", ""), Finding("b", "wrong", "")])
