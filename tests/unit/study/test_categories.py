"""Levels, and that no level tells of a few entities."""

from collections.abc import Callable
from typing import Any

import numpy as np

from leadmill.study.categories import categories


def test_levels_with_their_shares(one_column: Callable[..., Any]) -> None:
    values = np.array(["a"] * 60 + ["b"] * 28 + ["c"] * 3 + [None] * 9, dtype=object)
    y = np.r_[np.ones(60), np.zeros(40)]
    found = categories(*one_column(values, y, type="category", impute="unknown", fill=None))
    assert [(level.name, level.share, level.rate.value) for level in found.levels] == [
        ("a", 0.6, 1.0),
        ("b", 0.28, 0.0),
    ]
    assert (found.distinct, found.left_out) == (3, 1)
    assert found.widest
    assert (found.widest[0].name, found.widest[1].name) == ("b", "a")


def test_rare_levels_stand_together(one_column: Callable[..., Any]) -> None:
    values = np.array([f"level_{number % 50}" for number in range(300)] + [None] * 20, dtype=object)
    found = categories(*one_column(values, type="category", impute="unknown", fill=None))
    assert [level.name for level in found.levels] == ["50 more levels", "(missing)"]
    assert found.widest is None


def test_ordered_levels_keep_their_order(one_column: Callable[..., Any]) -> None:
    values = np.repeat([2.0, 0.0, 1.0], [50, 30, 20])
    found = categories(*one_column(values, type="ordered", levels=("low", "mid", "high"), impute="mode", fill="low"))
    assert [level.name for level in found.levels] == ["low", "mid", "high"]


def test_truths_are_yes_and_no(one_column: Callable[..., Any]) -> None:
    values = np.array([True] * 40 + [False] * 60, dtype=object)
    found = categories(*one_column(values, type="bool", impute="constant", fill=False))
    assert [(level.name, level.share) for level in found.levels] == [("no", 0.6), ("yes", 0.4)]
