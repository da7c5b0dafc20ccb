"""The whole benchmark with few rows: both sides come to the same results, and the page follows from the figures.

Nothing here looks at how long anything took.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leadmill import settings

pytestmark = pytest.mark.slow

ROWS = 2_000
STEPS = [
    *("extract", "check", "impute and encode", "write features", "materialize", "score"),
    "publish scores",
]


def run(*arguments: str) -> str:
    """Standard output of a Python process in the checkout, out of reach of this process's services."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LEADMILL_", "AIRFLOW_"))}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=settings.ROOT, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run of a few rows leaves."""
    folder = tmp_path_factory.mktemp("bench")
    run("-m", "leadmill", "bench", "--rows", str(ROWS), "--repeats", "1", "--output", str(folder), "--json")
    return folder


@pytest.fixture(scope="module")
def results(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


@pytest.mark.timeout(600)
def test_both_sides_come_to_the_same_features_and_scores(results: dict[str, Any]) -> None:
    equal = results["equal"]
    assert equal["rows"] + equal["rejected"] == ROWS
    assert 0 < equal["rejected"] < ROWS / 50
    assert equal["feature_difference"] <= 1e-9
    assert equal["score_difference"] <= 1e-9


def test_there_is_a_figure_for_every_step_of_both_sides(results: dict[str, Any]) -> None:
    assert list(results["step_ratios"]) == STEPS
    for side in ("stock", "leadmill"):
        assert list(results[side]["seconds"]) == STEPS
        assert results[side]["peak_mib"] > 0
        assert results[side]["postgres_mib"] > 0
    assert results["whole_path_ratio"] > 0
    assert results["whole_path_without_materialize_ratio"] > 0
    assert {"cpu", "cores", "memory_gib", "versions"} <= set(results["machine"])


def test_the_stores_answered_alike_and_no_training_row_differs_from_brute_force(results: dict[str, Any]) -> None:
    assert set(results["online_stores"]["online"]) == {"1 lead", "100 leads"}
    assert results["point_in_time"]["rows"] == ROWS
    assert results["point_in_time"]["mismatches"] == 0


def test_the_page_and_the_plot_are_made(folder: Path) -> None:
    assert (folder / "images" / "bench_steps.png").stat().st_size > 10_000
    page = (folder / "benchmarks.md").read_text()
    assert f"## Whole path, {ROWS:,} leads" in page
    for step in STEPS:
        assert f"| {step} |" in page


@pytest.mark.timeout(600)
def test_a_store_is_filled_changed_a_little_rescored_under_a_reader_and_changed_whole(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; from benchmarks.run import run; "
        f"run(0, 1, ['million'], pathlib.Path(sys.argv[1]), print, [{ROWS}])"
    )
    run("-c", code, str(tmp_path))
    found = json.loads((tmp_path / "results.json").read_text())["million"]
    # Some of them are broken: one row in 250.
    assert ROWS // 100 - 2 <= found["changed_rows"] <= ROWS // 100
    assert ROWS * 0.98 < found["all_changed_rows"] <= ROWS
    assert found["publish"]["polls"] > 0
    assert found["publish"]["broken_polls"] == 0
    assert f"## {ROWS:,} leads through leadmill" in (tmp_path / "benchmarks.md").read_text()


def test_the_page_in_docs_is_made_from_its_figures() -> None:
    code = "import json, sys; from benchmarks.page import render; sys.stdout.write(render(json.load(sys.stdin)))"
    figures = settings.ROOT / "docs" / "benchmarks.json"
    with figures.open() as stream:
        made = subprocess.run(
            [sys.executable, "-c", code], cwd=settings.ROOT, stdin=stream, capture_output=True, text=True, check=True
        )
    assert made.stdout == (settings.ROOT / "docs" / "benchmarks.md").read_text()
