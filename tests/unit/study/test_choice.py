"""The simplest that is not measurably worse."""

import numpy as np
import pytest

from leadmill.study.choice import choose, log_losses


def test_a_tie_goes_to_the_simpler_and_a_clear_gap_to_the_better() -> None:
    random = np.random.default_rng(1)
    base = random.random(500)
    noise = random.normal(0, 0.1, 500)
    losses = {"bad": base + 0.5, "simple": base + noise - noise.mean() + 0.001, "best": base}
    found = choose(losses, np.arange(500))
    assert (found.best, found.recommended) == ("best", "simple")
    assert found.behind["bad"].low > 0.4
    assert found.behind["best"].value == 0


def test_the_mean_of_the_rows_is_the_weighted_log_loss() -> None:
    y, p, weight = np.array([1, 0, 1]), np.array([0.9, 0.2, 1.0]), np.array([1.0, 0.5, 0.5])
    expected = -(np.log(0.9) + 0.5 * np.log(0.8)) / 2
    assert log_losses(y, p, weight).mean() == pytest.approx(expected)
