"""Cut-offs and percentiles."""

import numpy as np

from leadmill.registry.bands import cut_offs, percentile_grid
from leadmill.scoring.scale import bands

SHARES = {"A": 0.10, "B": 0.30, "C": 0.60, "D": 1.0}


def test_bands_have_their_shares_of_the_population() -> None:
    found = np.random.default_rng(1).random(1000)
    cuts = cut_offs(found, SHARES)
    given = bands(found, cuts).tolist()
    assert [given.count(band) for band in SHARES] == [100, 200, 300, 400]
    assert cuts["D"] == 0.0


def test_ties_go_to_the_better_band() -> None:
    found = np.array([0.9] * 5 + [0.2] * 15)
    assert bands(found, cut_offs(found, SHARES)).tolist() == ["A"] * 5 + ["B"] * 15


def test_a_share_is_rounded_up_to_whole_entities() -> None:
    assert cut_offs(np.array([0.3, 0.2, 0.1]), SHARES)["A"] == 0.3


def test_grid_runs_from_the_lowest_to_the_highest() -> None:
    grid = percentile_grid(np.linspace(0.2, 0.8, 5000))
    assert (len(grid), grid[0], grid[-1]) == (1001, 0.2, 0.8)
    assert grid == sorted(grid)
