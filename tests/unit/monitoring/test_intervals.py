"""Intervals in closed form: known values, and how often they hold the truth."""

import numpy as np
import pytest

from leadmill.monitoring import intervals


def test_wilson_is_that_of_the_literature() -> None:
    # Newcombe (1998), table I: 81 of 263, 1 of 29.
    assert intervals.share(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert intervals.share(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    assert intervals.share(0, 0) is None


def test_hanley_and_mcneil_cover_the_true_area() -> None:
    random, hits, rounds = np.random.default_rng(1), 0, 300
    true_area = 0.7602499389065233  # of two normals a standard deviation apart: Phi(1 / sqrt 2)
    for _ in range(rounds):
        positive, negative = random.normal(1, 1, 40), random.normal(0, 1, 160)
        area = float((positive[:, None] > negative[None, :]).mean())
        low, high = intervals.roc_auc(area, 40, 160) or (1.0, 0.0)
        hits += low <= true_area <= high
    assert hits / rounds >= 0.92


def test_figures_without_a_class_have_no_interval() -> None:
    assert intervals.roc_auc(0.8, 0, 10) is None
    assert intervals.pr_auc(1.0, 5) is None
    assert intervals.mean(0.1, 0.2, 1) is None


def test_a_mean_is_symmetric_and_average_precision_within_bounds() -> None:
    assert intervals.mean(0.1, 1.0, 100) == pytest.approx((-0.0960, 0.2960), abs=1e-4)
    low, high = intervals.pr_auc(0.9, 20) or (0.0, 0.0)
    assert 0 < low < 0.9 < high < 1


def test_one_badly_ranked_positive_among_very_many_leaves_everything_possible() -> None:
    assert intervals.pr_auc(1 / 200_000, 1) == (0, 1)
