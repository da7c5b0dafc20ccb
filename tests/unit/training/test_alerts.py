"""So many alerts a day, on rows whose true number is known."""

import numpy as np
import pandas as pd
import pytest

from leadmill.training.alerts import alerts_within, days_held, days_of
from leadmill.training.data import Rows
from leadmill.training.split import Split

Y = np.array([1, 1, 0, 1, 0, 0, 0, 0])
P = np.array([0.9, 0.8, 0.7, 0.6, 0.6, 0.2, 0.1, 0.1])


def rows(weight: list[float] | None = None, oversampled: float = 1.0) -> Rows:
    given = np.ones(8) if weight is None else np.array(weight)
    return Rows(pd.DataFrame(index=range(8)), Y, given, np.arange(8), oversampled)


@pytest.mark.parametrize(
    ("per_day", "threshold", "raised", "precision", "recall"),
    [
        (1, 0.8, 1, 1, 2 / 3),
        (1.5, 0.7, 1.5, 2 / 3, 2 / 3),
        # The next two are equal: both would be too many.
        (2, 0.7, 1.5, 2 / 3, 2 / 3),
        (2.5, 0.6, 2.5, 0.6, 1),
        (100, 0.1, 4, 3 / 8, 1),
        (0.4, 0.95, 0, 0, 0),
    ],
)
def test_no_more_than_the_budget_and_ties_together(
    per_day: float, threshold: float, raised: float, precision: float, recall: float
) -> None:
    found = alerts_within(rows(), P, days=2, per_day=per_day)
    assert (found.threshold, found.raised) == (pytest.approx(threshold), raised)
    assert (found.precision, found.recall) == (pytest.approx(precision), pytest.approx(recall))


def test_a_third_of_the_entities_has_a_third_of_the_days() -> None:
    moments = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(0, 9.5, 0.5), unit="D")
    frame, begins = pd.DataFrame({"as_of": moments}), moments[6]
    newest = np.arange(6, 19)
    assert days_held(frame, Split(np.arange(6), newest, 0, begins)) == 6
    third = newest[[0, 3, 6, 12]]
    assert days_held(frame, Split(np.arange(6), third, 0, begins)) == pytest.approx(6 * 4 / 13)


def test_a_thinned_row_counts_for_all_that_it_stands_for() -> None:
    # Four of five negatives were left out: each that is there stands for five.
    thinned = rows([0.2 if one else 1.0 for one in Y], oversampled=5)
    found = alerts_within(thinned, P, days=1, per_day=7)
    assert (found.threshold, found.raised, found.precision) == (0.7, pytest.approx(7), pytest.approx(2 / 7))
    assert alerts_within(thinned, P, days=1, per_day=6.9).threshold == 0.8


def test_days_of_a_frame() -> None:
    frame = pd.DataFrame({"as_of": pd.to_datetime(["2025-01-01T00:00Z", "2025-01-02T12:00Z"])})
    assert days_of(frame) == 1.5
