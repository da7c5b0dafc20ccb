"""The local stack with the demo in it, used through the command line only."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
from added_support import edit_spec
from psycopg.rows import dict_row

from leadmill.demo.generator import generate, write_csv
from leadmill.local.airflow_api import Airflow, Run

ROOT = Path(__file__).parents[1]
ROWS = 2500


def _simple(raw: dict[str, Any]) -> None:
    raw["model"]["candidates"], raw["retrain"] = ["logistic_regression"], {"new_outcomes": 5000, "drift_rows": 300}


class Demo:
    """A checkout's own stack in a throw-away state folder, with the made-up leads loaded, trained and scored."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state"
        # Where the stack finds its use cases: those of this checkout.
        self.use_cases = ROOT / "include" / "use_cases"
        self.leads: pd.DataFrame = generate(ROWS)
        self.report: dict[str, Any] = {}

    def simplify(self, *use_cases: str) -> None:
        """Let the stack have these use cases with one quick candidate, and trainings only by drift: so few leads bring
        outcomes every day.
        """
        self.use_cases = shutil.copytree(self.use_cases, self.folder / "use_cases")
        for name in use_cases:
            edit_spec(self.use_cases / name, _simple)

    def __call__(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run ``./leadmill`` with these arguments; its exit code must be ``code`` (None: any)."""
        result = subprocess.run(
            [sys.executable, "-m", "leadmill", *arguments],
            env={
                **os.environ,
                "LEADMILL_STATE": str(self.state),
                "LEADMILL_USE_CASES": str(self.use_cases),
                "COLUMNS": "160",
            },
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if code is not None:
            assert result.returncode == code, result.stdout + result.stderr
        return result

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json").stdout)

    def write(self, frame: pd.DataFrame, name: str) -> str:
        """The frame as a CSV file; its path."""
        return str(write_csv(frame, self.folder / name))

    def variables(self) -> dict[str, str]:
        """What ``./leadmill env`` exports."""
        lines = self("env").stdout.splitlines()
        return {line.split("=", 1)[0].removeprefix("export "): line.split("=", 1)[1].strip("'") for line in lines}

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """Rows of leadmill's database, read as the role for people."""
        with psycopg.connect(self.variables()["LEADMILL_READER_URL"], row_factory=dict_row) as connection:
            return connection.execute(statement.encode()).fetchall()

    def airflow(self) -> Airflow:
        variables = self.variables()
        return Airflow(variables["AIRFLOW_URL"], variables["AIRFLOW_USER"], variables["AIRFLOW_PASSWORD"])

    def runs(self) -> list[Run]:
        """The newest runs of all DAGs, newest first, but for those that the full hour starts."""
        with self.airflow() as airflow:
            return [run for run in airflow.runs("~", limit=100) if run.run_type != "scheduled"]
