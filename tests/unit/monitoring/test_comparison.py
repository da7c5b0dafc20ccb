"""Two samples as counts: known values, and how often chance alone goes beyond the thresholds."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from leadmill.monitoring import comparison
from leadmill.thresholds import Monitor


def test_psi_of_two_bins_is_the_formula() -> None:
    found = comparison.psi(np.array([30_000.0, 70_000.0]), np.array([50_000.0, 50_000.0]))
    assert found == pytest.approx((0.3 - 0.5) * np.log(0.3 / 0.5) + (0.7 - 0.5) * np.log(0.7 / 0.5), abs=1e-5)


def test_an_empty_bin_does_not_make_it_infinite() -> None:
    assert 1 < comparison.psi(np.array([0.0, 100.0]), np.array([50.0, 50.0])) < 5


def counted(values: NDArray[np.float64], cuts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.bincount(np.searchsorted(cuts, values, side="right"), minlength=len(cuts) + 1).astype(np.float64)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.3])
def test_the_distance_at_a_hundred_cuts_is_nearly_that_of_the_values(shift: float) -> None:
    random = np.random.default_rng(3)
    recent, reference = random.normal(shift, 1, 800), random.normal(0, 1, 5000)
    cuts = np.quantile(reference, np.linspace(0.01, 0.99, 99))
    found = comparison.numbers(counted(recent, cuts), counted(reference, cuts), 800, 5000)
    exact = ks_2samp(recent, reference, method="asymp")
    assert exact.statistic - 0.01 <= found.statistic <= exact.statistic + 1e-12
    assert found.p_value >= exact.pvalue


def test_categories_are_judged_with_rare_levels_together() -> None:
    reference = np.array([500.0, 480.0, 5.0, 5.0, 5.0, 5.0])
    same = comparison.categories(reference / 2, reference, 500, 1000)
    other = comparison.categories(np.array([450.0, 30.0, 0.0, 0.0, 0.0, 20.0]), reference, 500, 1000)
    assert (same.psi < 0.001, same.p_value > 0.99) == (True, True)
    assert (other.psi > 0.2, other.p_value < 1e-10) == (True, True)


def test_one_level_is_no_difference() -> None:
    found = comparison.categories(np.array([10.0, 0.0]), np.array([100.0, 0.0]), 10, 100)
    assert (found.statistic, found.p_value) == (0.0, 1.0)


def test_chance_alone_hardly_ever_passes_both_thresholds() -> None:
    """A hundred looks at forty features of the smallest sample that is judged: no alarm of the default spec."""
    random, limits = np.random.default_rng(5), Monitor()
    alarms = psis = 0
    reference = np.full(100, 100.0)
    for _ in range(100 * 40):
        recent = np.bincount(random.integers(0, 100, limits.min_entities), minlength=100).astype(np.float64)
        found = comparison.numbers(recent, reference, limits.min_entities, reference.sum())
        psis += found.psi > limits.psi
        alarms += found.psi > limits.psi and found.p_value < limits.p_value / 81
    assert psis > 20, "the index alone cries wolf on few rows"
    assert alarms == 0
