"""The command of the study answers in a sentence where there is nothing to study, and imports nothing heavy."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from leadmill import cli_study, settings
from leadmill.errors import LeadmillError, UnknownUseCase


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer(pretty_exceptions_enable=False)
    made.callback()(lambda: None)
    cli_study.register(made)
    return made


def test_an_unknown_use_case_names_the_nearest(app: typer.Typer) -> None:
    error = CliRunner().invoke(app, ["study", "x_educaton"]).exception
    assert isinstance(error, UnknownUseCase)
    assert "Did you mean 'x_education'?" in str(error)


def test_without_a_stack_the_error_says_how_to_make_one(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADMILL_STATE", str(tmp_path / "none"))
    settings.current.cache_clear()
    error = CliRunner().invoke(app, ["study", "x_education"]).exception
    assert isinstance(error, LeadmillError)
    assert "./leadmill up" in str(error)


def test_wrong_usage_ends_with_2(app: typer.Typer) -> None:
    assert CliRunner().invoke(app, ["study"]).exit_code == 2


def test_the_command_imports_nothing_heavy_before_it_runs() -> None:
    heavy = ("airflow", "pandas", "numpy", "feast", "sklearn", "scipy", "matplotlib", "mlflow", "sqlalchemy", "psycopg")
    code = f"import sys, leadmill.cli_study; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
