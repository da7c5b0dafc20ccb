"""The work folder of a run that scores a file: forgotten in an order that can be interrupted anywhere."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from leadmill.scoring.file.work import SCORED, TYPED, Plan, Work, working

PLAN = Plan("leads", "0" * 64, "1", "1", 1, "2026-02-01T00:00:00+00:00", 2)


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were removed; with the second one somebody interrupts."""
    names: list[str] = []
    unlink: Callable[..., None] = os.unlink

    def interrupted(path: Any, **keywords: Any) -> None:
        if names:
            raise KeyboardInterrupt
        unlink(path, **keywords)
        names.append(Path(path).name)

    monkeypatch.setattr(os, "unlink", interrupted)
    return names


def finished(output: Path) -> None:
    """A run with a plan and some parts, up to the end of its folder."""
    with working(output) as work:
        work.begin(PLAN)
        for number in range(5):
            for kind in (TYPED, SCORED):
                work.store(kind, number, pa.table({"row_no": [number]}))


def test_what_is_left_of_a_folder_whose_removal_was_interrupted_is_no_run(tmp_path: Path, gone: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        finished(tmp_path / "out.csv")
    assert gone == ["plan.json"]
    assert Work(tmp_path / "out.csv.parts").plan() is None


def test_the_plan_of_another_run_goes_first(tmp_path: Path, gone: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        finished(tmp_path / "out.csv")
    (tmp_path / "out.csv.parts" / "plan.json").write_text("{}")
    gone.clear()
    with pytest.raises(KeyboardInterrupt):
        finished(tmp_path / "out.csv")
    assert gone == ["plan.json"]
