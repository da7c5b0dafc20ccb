import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from leadmill.local import processes, supervision
from leadmill.local.state import StateFolder


@pytest.fixture
def original(tmp_path: Path) -> StateFolder:
    state = StateFolder(tmp_path / "original" / ".leadmill")
    state.create()
    return state


@pytest.fixture
def supervisor(original: StateFolder) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the place of the supervisor: in the state folder, where its record is."""
    with subprocess.Popen(["sleep", "60"], cwd=original.root) as child:
        process = processes.identity(child.pid)
        assert process is not None
        original.supervisor.write_text(json.dumps({"process": asdict(process), "components": {}}))
        yield child
        child.kill()


def test_a_copied_checkout_leaves_the_supervisor_of_the_original_alone(
    original: StateFolder, supervisor: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    copy = StateFolder(tmp_path / "copy" / ".leadmill")
    shutil.copytree(original.root, copy.root)
    assert not supervision.alive(copy)
    supervision.stop(copy)
    assert supervisor.poll() is None
    assert supervision.alive(original)
    supervision.stop(original)
    assert supervisor.wait(10) != 0


def test_what_the_shell_says_of_other_servers_is_not_handed_on(
    original: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLMODE", "require")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    environment = supervision.environment(original, {"LEADMILL_PG_PORT": "5433"})
    assert not {"PGSSLMODE", "AIRFLOW__CORE__EXECUTOR"} & set(environment)
    assert environment["LEADMILL_PG_PORT"] == "5433"


def test_airflow_is_reached_without_the_proxy_however_the_shell_spells_its_exceptions(
    original: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "upper.example")
    monkeypatch.setenv("no_proxy", "lower.example")
    asked = ("127.0.0.1", "localhost", "upper.example", "lower.example", "elsewhere.example")
    script = f"import urllib.request as u; print([bool(u.proxy_bypass(host)) for host in {asked}])"
    environment = supervision.environment(original, {})
    said = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[True, True, True, True, False]"
