"""The model commands answer wrong usage and a missing stack in a sentence, and import nothing heavy."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leadmill import cli, settings
from leadmill.errors import LeadmillError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rollback"], "Missing argument"),
        (["choose", "leads"], "VERSION"),
        (["compare", "leads", "1"], "VERSION"),
        (["register", "leads"], "FILE.skops"),
        (["rollbak", "leads"], "No such command"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(cli.app, ["model", *arguments])
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "leads"],
        ["rollback", "leads"],
        ["params", "leads"],
        ["choose", "leads", "1"],
        ["compare", "leads", "1", "2"],
        ["register", "leads", "a.skops"],
    ],
)
def test_without_a_stack_the_error_says_how_to_make_one(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADMILL_STATE", str(tmp_path / "none"))
    settings.current.cache_clear()
    result = CliRunner().invoke(cli.app, ["model", *arguments])
    assert result.exit_code == 1
    assert isinstance(result.exception, LeadmillError)
    assert "./leadmill up" in str(result.exception)


def test_the_commands_import_nothing_heavy_before_they_run() -> None:
    heavy = ("airflow", "pandas", "numpy", "feast", "sklearn", "mlflow", "great_expectations", "sqlalchemy", "psycopg")
    code = f"import sys, leadmill.cli_model; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
