"""The command of the benchmarks: its table, its answers to wrong usage, and that it imports nothing heavy."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from leadmill import cli_bench, settings
from leadmill.errors import LeadmillError


def spread(value: float) -> dict[str, float]:
    return {"median": value, "min": value, "max": value}


def side(seconds: float) -> dict[str, Any]:
    total = {"whole_path": spread(seconds), "whole_path_without_materialize": spread(seconds / 2)}
    return {"seconds": {"extract": spread(seconds)}, **total}


RESULTS = {
    "rows": 1000,
    "repeats": 3,
    "stock": side(8.0),
    "leadmill": side(2.0),
    "step_ratios": {"extract": 4.0},
    "whole_path_ratio": 4.0,
    "whole_path_without_materialize_ratio": 4.0,
}


def test_the_table_shows_both_sides_and_the_ratio() -> None:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(cli_bench.step_table(RESULTS))
    (extract,) = [line for line in captured.get().splitlines() if "extract" in line]
    assert [word for word in extract.split() if word[0].isdigit()] == ["8.00", "2.00", "4.00"]
    assert "1,000 leads, medians of 3" in captured.get()


def test_an_unknown_part_is_wrong_usage() -> None:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    cli_bench.register(app)
    found = CliRunner().invoke(app, ["bench", "--only", "everything"])
    assert found.exit_code == 2
    assert "everything" in found.output


def test_without_a_checkout_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    with pytest.raises(LeadmillError, match="from a checkout only"):
        cli_bench.run_benchmarks(1000, 1, ("whole_path",), tmp_path / "results")


def test_the_parts_are_those_that_the_benchmarks_have() -> None:
    code = "from benchmarks import run; print(*run.PARTS); print(*run.DEFAULT_PARTS)"
    found = subprocess.run([sys.executable, "-c", code], cwd=settings.ROOT, capture_output=True, text=True, check=True)
    assert [tuple(line.split()) for line in found.stdout.splitlines()] == [cli_bench.PARTS, cli_bench.DEFAULT_PARTS]


def test_the_command_imports_nothing_heavy_before_it_runs() -> None:
    heavy = ("airflow", "pandas", "numpy", "feast", "sklearn", "scipy", "matplotlib", "mlflow", "sqlalchemy", "psycopg")
    code = f"import sys, leadmill.cli_bench; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
