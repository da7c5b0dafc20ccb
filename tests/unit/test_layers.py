"""Parsing stays light: what importing the DAG files and the command line must not load."""

import json
import subprocess
import sys

import pytest

from leadmill import settings

HEAVY = (
    "pandas",
    "numpy",
    "feast",
    "sklearn",
    "scipy",
    "mlflow",
    "great_expectations",
    "pyarrow",
    "skops",
    "matplotlib",
)

_LOADED = "import json, sys; print(json.dumps([m for m in {heavy!r} if m in sys.modules]))"


def loaded_by(code: str) -> list[str]:
    """Which heavy modules a fresh process has after running ``code``."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{_LOADED.format(heavy=HEAVY)}"],
        cwd=settings.ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return list(json.loads(done.stdout.splitlines()[-1]))


def test_the_dag_files_parse_light() -> None:
    files = sorted(str(file) for file in (settings.ROOT / "dags").glob("*.py"))
    assert files
    assert loaded_by(f"import runpy\nfor file in {files!r}: runpy.run_path(file)") == []


@pytest.mark.parametrize("module", ["leadmill.spec", "leadmill.cli", "leadmill.local.stack", "leadmill.extract.watch"])
def test_what_is_imported_often_is_light(module: str) -> None:
    assert loaded_by(f"import {module}") == []


def test_the_command_line_does_not_load_airflow_or_sqlalchemy() -> None:
    code = "import sys, leadmill.cli; assert not {'airflow', 'sqlalchemy', 'pandas'} & set(sys.modules)"
    assert loaded_by(code) == []
