"""The data commands answer wrong usage and a missing stack in a sentence, and import nothing heavy."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leadmill import cli, settings
from leadmill.errors import LeadmillError


def invoke(*arguments: str) -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(cli.app, list(arguments))
    return result.exit_code, result.output, result.exception


@pytest.fixture
def no_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder in which nothing was ever started."""
    monkeypatch.setenv("LEADMILL_STATE", str(tmp_path / "none"))
    settings.current.cache_clear()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "x_education", "--data", "a.csv", "--leads", "5"], "--leads is for the made-up file"),
        (["demo", "--leads", "0"], "--leads"),
        (["load", "x_education"], "Missing argument"),
        (["features"], "get"),
        (["model", "liste"], "No such command"),
        (["score", "x_education"], "give either keys, or --file with --out"),
        (["score", "x_education", "key", "--file", "a.csv", "--out", "b.csv"], "give either keys, or --file with"),
        (["score", "x_education", "--file", "a.csv"], "give either keys, or --file with --out"),
        (["score", "x_education", "--file", "a.csv", "--out", "b.txt"], "'b.txt' ends in neither of .csv, .parquet"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], message: str) -> None:
    code, output, _ = invoke(*arguments)
    assert code == 2
    assert message in output


@pytest.mark.parametrize(
    "arguments",
    [
        ["load", "x_education", "a.csv"],
        ["features", "get", "x_education", "key"],
        ["score", "x_education", "key"],
        ["score", "x_education", "--file", "a.csv", "--out", "b.csv"],
        ["model", "list", "x_education"],
        ["model", "show", "x_education"],
        ["run", "extract", "x_education"],
    ],
)
@pytest.mark.usefixtures("no_stack")
def test_without_a_stack_the_error_says_how_to_make_one(arguments: list[str]) -> None:
    code, _, error = invoke(*arguments)
    assert code == 1
    assert isinstance(error, LeadmillError)
    assert "./leadmill up" in str(error)


def test_an_unknown_use_case_names_the_nearest() -> None:
    _, _, error = invoke("score", "x_educaton", "key")
    assert isinstance(error, LeadmillError)
    assert "Did you mean 'x_education'?" in str(error)


def test_a_use_case_without_made_up_data_asks_for_a_file() -> None:
    from leadmill.demo.files import demo_file
    from leadmill.spec import load_use_case

    other = load_use_case("x_education").model_copy(update={"name": "other"})
    with pytest.raises(LeadmillError, match=r"no made-up data for use case 'other'. Give a file: .*--data FILE.csv"):
        demo_file(other, None)


def test_commands_import_nothing_heavy_before_they_run() -> None:
    heavy = ("airflow", "pandas", "numpy", "feast", "sklearn", "mlflow", "great_expectations", "sqlalchemy", "psycopg")
    code = f"import sys, leadmill.cli_data; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
