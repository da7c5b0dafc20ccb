"""The command answers wrong usage and a missing stack in a sentence, and imports nothing heavy before it runs."""

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
        ([], "Missing argument"),
        (["leads", "--out", "rows.csv"], "Give its ID"),
        (["leads", "0a1b", "--out", "rows.xls"], ".parquet or .csv"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(cli.app, ["training-set", *arguments])
    assert result.exit_code == 2
    assert message in result.output


def test_without_a_stack_the_error_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADMILL_STATE", str(tmp_path / "none"))
    settings.current.cache_clear()
    result = CliRunner().invoke(cli.app, ["training-set", "leads"])
    assert result.exit_code == 1
    assert isinstance(result.exception, LeadmillError)
    assert "./leadmill up" in str(result.exception)


def test_the_command_imports_nothing_heavy_before_it_runs() -> None:
    heavy = ("airflow", "pandas", "numpy", "feast", "sklearn", "mlflow", "great_expectations", "sqlalchemy", "psycopg")
    code = f"import sys, leadmill.cli_training_set; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
