"""The threshold that costs least."""

import numpy as np
import pandas as pd
import pytest

from leadmill.decision import Costs
from leadmill.training.data import Rows
from leadmill.training.threshold import cheapest, outcomes


def rows(y: np.ndarray, weight: np.ndarray) -> Rows:
    return Rows(pd.DataFrame(index=range(len(y))), y.astype(np.int64), weight, np.arange(len(y)))


@pytest.mark.parametrize(("false_positive", "false_negative"), [(5, 1), (1, 1), (1, 8)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_other_threshold_costs_less(false_positive: float, false_negative: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    # Few different probabilities, so that many rows are tied.
    probability = random.integers(0, 20, 200) / 20
    found = rows(random.random(200) < probability, random.random(200))
    costs = Costs(false_positive=false_positive, false_negative=false_negative)
    threshold = cheapest(found.y, probability, found.weight, costs)
    least = outcomes(found, probability, threshold, costs).cost
    every = [outcomes(found, probability, at, costs).cost for at in np.linspace(0, 1.01, 300)]
    assert least == pytest.approx(min(every))
    # Calibrated probabilities: it lies near where both decisions cost the same.
    assert abs(threshold - costs.even) < 0.2


def test_of_equally_cheap_ones_it_is_the_nearest_to_even_costs() -> None:
    y, probability = np.array([0, 0, 1]), np.array([0.1, 0.4, 0.9])
    ones = np.ones(3)
    assert cheapest(y, probability, ones, Costs(false_positive=1, false_negative=1)) == pytest.approx(0.65)
    same = cheapest(np.array([1, 0]), np.array([0.5, 0.5]), np.ones(2), Costs(false_positive=9, false_negative=1))
    assert same == 0.75


def test_outcomes_count_rows_and_weigh_costs() -> None:
    found = rows(np.array([1, 1, 0, 0]), np.array([1.0, 1.0, 1.0, 5.0]))
    made = outcomes(found, np.array([0.9, 0.2, 0.8, 0.1]), 0.5, Costs(false_positive=2, false_negative=1))
    assert (made.true_positives, made.false_negatives, made.false_positives, made.true_negatives) == (1, 1, 1, 1)
    assert made.cost == pytest.approx((1 + 2) / 8)
    assert made.all_positive == pytest.approx(2 * 6 / 8)
    assert made.all_negative == pytest.approx(2 / 8)
    assert (made.precision, made.recall, made.f1) == pytest.approx((0.5, 0.5, 0.5))
    assert made.mcc == pytest.approx((1 * 5 - 1 * 1) / (2 * 2 * 6 * 6) ** 0.5)
