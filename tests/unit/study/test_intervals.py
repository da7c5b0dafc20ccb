"""Intervals against worked examples."""

import numpy as np
import pytest

from leadmill.study.intervals import difference, mean_of_entities, rate, resampled, z_of_many


def test_wilsons_interval() -> None:
    # Newcombe (1998), table I: 81 of 263, without continuity correction.
    found = rate(np.r_[np.ones(81), np.zeros(182)].astype(np.int64), np.ones(263))
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_newcombes_interval_of_a_difference() -> None:
    # Newcombe (1998), table II, method 10: 56/70 - 48/80.
    one = rate(np.r_[np.ones(56), np.zeros(14)].astype(np.int64), np.ones(70))
    other = rate(np.r_[np.ones(48), np.zeros(32)].astype(np.int64), np.ones(80))
    found = difference(one, other)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_rows_of_one_entity_count_once() -> None:
    y = np.tile([0, 1], 50)
    single, double = rate(y, np.ones(100)), rate(np.repeat(y, 2), np.full(200, 0.5))
    assert (double.value, double.low, double.high) == pytest.approx((single.value, single.low, single.high))
    values = np.random.default_rng(0).normal(size=100)
    alone = mean_of_entities(values, np.arange(100))
    twice = mean_of_entities(np.repeat(values, 2), np.repeat(np.arange(100), 2))
    assert twice.high - twice.low == pytest.approx(alone.high - alone.low)


def test_no_rows_have_no_rate() -> None:
    assert np.isnan(rate(np.zeros(0, dtype=np.int64), np.zeros(0)).value)


def test_entities_are_drawn_with_all_their_rows() -> None:
    groups = np.array([5, 7, 5, 7, 7, 9])
    for rows in resampled(groups, 20):
        counts = np.bincount(groups[rows], minlength=10)
        assert counts[5] % 2 == 0
        assert counts[7] % 3 == 0
        assert counts[[5, 7, 9]] @ [1 / 2, 1 / 3, 1] == pytest.approx(3)


def test_many_intervals_are_wider() -> None:
    assert z_of_many(1) == pytest.approx(1.95996, abs=1e-4)
    assert z_of_many(10) == pytest.approx(2.80703, abs=1e-4)
