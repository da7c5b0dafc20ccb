"""From a probability to what sales sees."""

import numpy as np
import pytest

from leadmill.scoring.scale import bands, percentiles, scores


@pytest.mark.parametrize(("probability", "score"), [(0.0, 0), (0.0005, 1), (0.00049, 0), (0.3456, 346), (1.0, 1000)])
def test_scores_round_to_nearest_half_up(probability: float, score: int) -> None:
    assert scores(np.array([probability]), 1000).tolist() == [score]


def test_a_probability_at_the_cut_off_is_in_the_better_band() -> None:
    cuts = {"A": 0.9, "B": 0.5, "C": 0.0}
    assert bands(np.array([1.0, 0.9, 0.8999999, 0.5, 0.4, 0.0]), cuts).tolist() == ["A", "A", "B", "B", "C", "C"]


def test_equal_cut_offs_give_the_better_band() -> None:
    assert bands(np.array([0.7, 0.1]), {"A": 0.5, "B": 0.5, "C": 0.0}).tolist() == ["A", "C"]


def test_percentiles_are_the_share_that_scored_lower() -> None:
    grid = np.linspace(0, 1, 1001)
    found = percentiles(np.array([-0.1, 0.0, 0.25, 0.2501, 2.0]), grid)
    assert found.tolist() == [0.0, 0.0, 25.0, 25.1, 100.0]
