import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leadmill import cli
from leadmill.local import environment, stack

HEAVY = ("airflow", "pandas", "feast", "sklearn", "mlflow", "great_expectations", "sqlalchemy", "httpx", "psycopg")


def _leadmill(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "leadmill", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **variables})


def test_help_answers_quickly() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = _leadmill("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert result.returncode == 0
    # Processor time, because the machine may be busy with other tests.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
    for command in ("up", "down", "status", "reset", "doctor", "env", "test"):
        assert command in result.stdout


def test_the_command_line_imports_nothing_heavy() -> None:
    code = f"import sys, leadmill.cli; print([m for m in {HEAVY} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", [["nonsense"], ["up", "--nonsense"], ["status", "more"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert _leadmill(*arguments).returncode == 2


def test_an_expected_error_is_one_paragraph_and_ends_with_1(tmp_path: Path) -> None:
    result = _leadmill("env", LEADMILL_STATE=str(tmp_path / "none"))
    assert result.returncode == 1
    assert result.stdout == ""
    assert "There is no local stack" in result.stderr
    assert "Traceback" not in result.stderr


def test_status_without_a_stack(tmp_path: Path) -> None:
    result = _leadmill("status", "--json", LEADMILL_STATE=str(tmp_path / "none"))
    assert result.returncode == 1
    assert '"healthy": false' in result.stdout


@pytest.mark.parametrize("value", ["plain", "with space", "it's", '$HOME `id` \\ "x" !', "a\nb", ""])
def test_export_lines_survive_the_shell(value: str) -> None:
    (line,) = cli.export_lines({"NAME": value})
    shown = subprocess.run(["sh", "-c", f'{line}\nprintf %s "$NAME"'], capture_output=True, text=True, check=True)
    assert shown.stdout == value


def test_only_what_people_need_is_exported() -> None:
    shared = environment.shared_with_people(
        {
            "AIRFLOW__CORE__FERNET_KEY": "x",
            "AIRFLOW_VIEWER_PASSWORD": "x",
            "AIRFLOW_URL": "u",
            "AIRFLOW_CONN_WAREHOUSE": "w",
            "LEADMILL_READER_URL": "r",
            "LEADMILL_HOME": "would lead another checkout here",
            "LEADMILL_STATE": "and its reset too",
        }
    )
    assert shared == {"AIRFLOW_URL": "u", "AIRFLOW_CONN_WAREHOUSE": "w", "LEADMILL_READER_URL": "r"}


def test_reset_asks_first(postgres: dict[str, str]) -> None:
    result = CliRunner().invoke(cli.app, ["reset"], input="n\n")
    assert result.exit_code == 1
    assert "Delete" in result.output
    assert stack.folder().exists()
