"""What decisions cost at every threshold."""

import numpy as np
import pandas as pd
import pytest

from leadmill.decision import Costs
from leadmill.training.cost_curve import cost_curve
from leadmill.training.data import Rows
from leadmill.training.threshold import outcomes

COSTS = Costs(false_positive=5, false_negative=122)


def test_a_point_costs_what_decisions_at_its_threshold_cost() -> None:
    random = np.random.default_rng(3)
    # Two decimals: many are equal.
    probability = random.random(700).round(2)
    y = (random.random(700) < probability).astype(np.int64)
    rows = Rows(pd.DataFrame(index=range(700)), y, np.where(y == 1, 0.1, 1.0), np.arange(700), 10.0)
    curve = cost_curve(rows, probability, COSTS)
    assert 20 < len(curve) <= 40
    assert (curve[0].threshold, curve[-1].threshold) == (probability.max(), probability.min())
    assert (curve[-1].share, curve[-1].recall) == (pytest.approx(1), pytest.approx(1))
    for point in curve:
        judged = outcomes(rows, probability, point.threshold, COSTS)
        assert point.cost == pytest.approx(judged.cost)
        assert point.recall == pytest.approx(judged.true_positives / (judged.true_positives + judged.false_negatives))
    assert [point.share for point in curve] == sorted(point.share for point in curve)
