"""Fixtures of these tests."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from added_support import edit_spec
from demo_support import ROWS, Demo


def simple(raw: dict[str, Any]) -> None:
    """One quick candidate, and trainings only by drift: so few leads bring outcomes every day."""
    raw["model"]["candidates"], raw["retrain"] = ["logistic_regression"], {"new_outcomes": 5000, "drift_rows": 300}


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """The demo on made-up leads, run once per session; ``demo.report`` is what it printed as JSON.

    The stack's use case ``leads`` has a simpler spec.
    """
    folder = Path(tempfile.mkdtemp(prefix="leadmill-demo-"))
    # Under root, Postgres runs as an unprivileged user who must be able to pass through.
    folder.chmod(0o711)
    made = Demo(folder)
    made.use_cases = shutil.copytree(made.use_cases, folder / "use_cases")
    edit_spec(made.use_cases / "leads", simple)
    try:
        made.report = made.json("demo", "x_education", "--leads", str(ROWS))
        yield made
    finally:
        made("down", code=None)
        shutil.rmtree(folder)
