"""From log-odds to score points."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from leadmill.scoring.points import NEAR, logistic, slope, slopes

LOG_ODDS = st.floats(-12, 12)


def moved(base: float, total: float) -> float:
    return 1000 * logistic(base + total) - 1000 * logistic(base)


@given(base=LOG_ODDS, contributions=st.lists(LOG_ODDS, min_size=1, max_size=30))
def test_points_add_up_to_what_the_score_moved(base: float, contributions: list[float]) -> None:
    total = sum(contributions)
    each = slope(moved(base, total), total, logistic(base), 1000)
    assert sum(one * each for one in contributions) == pytest.approx(moved(base, total), abs=1e-6)
    assert 0 <= each <= 250 + 1e-6


@given(base=st.floats(-6, 6), sign=st.sampled_from([-1, 1]))
def test_the_slope_does_not_jump_where_the_sum_gets_too_small_to_divide_by(base: float, sign: int) -> None:
    found = [
        slope(moved(base, total), total, logistic(base), 1000) for total in (sign * NEAR * 1.01, sign * NEAR * 0.99, 0)
    ]
    assert found == pytest.approx([found[-1]] * 3, abs=1e-3)


def test_contributions_that_cancel_still_say_what_they_do() -> None:
    each = slope(moved(0.0, 0.0), 0.0, 0.5, 1000)
    assert [2 * each, -2 * each] == [500, -500]


def test_no_contribution_is_no_point() -> None:
    assert 0.0 * slope(0.0, 0.0, 0.3, 1000) == 0


@given(st.lists(st.tuples(LOG_ODDS, st.one_of(LOG_ODDS, st.just(0.0))), min_size=1, max_size=20))
def test_many_slopes_are_those_of_each(drawn: list[tuple[float, float]]) -> None:
    base = drawn[0][0]
    totals = np.array([total for _, total in drawn])
    moves = np.array([moved(base, total) for total in totals])
    found = slopes(moves, totals, logistic(base), 1000)
    one_by_one = [slope(m, t, logistic(base), 1000) for m, t in zip(moves, totals, strict=True)]
    assert found.tolist() == one_by_one


@given(st.floats(-700, 700))
def test_the_logistic_is_scipys(log_odds: float) -> None:
    from scipy.special import expit

    assert logistic(log_odds) == pytest.approx(float(expit(log_odds)), rel=1e-12, abs=0)
