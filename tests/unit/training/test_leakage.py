"""The leak scan on made-up columns: honest ones pass at any share of positives, leaks are found at any."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from leadmill.columns import Column
from leadmill.training.leakage.cases import Cases
from leadmill.training.leakage.codes import coding_columns
from leadmill.training.leakage.decides import deciding_columns
from leadmill.training.leakage.findings import CODES_LABEL, DECIDES

NUMBER = Column(name="c", title="C", type="int", impute="median", fill=1)
CATEGORY = Column(name="c", title="C", type="category", impute="unknown")


def cases(values: object, y: NDArray[np.int64]) -> Cases:
    return Cases(pd.DataFrame({"c": values}), y, np.ones(len(y)), np.arange(len(y)))


@pytest.mark.parametrize(
    ("rows", "values", "base"),
    [(50_000, 20_000, 0.002), (50_000, 10_000, 0.005), (20_000, 5_000, 0.01), (10_000, 1_000, 0.01), (9_000, 9, 0.05)],
)
def test_an_honest_number_passes_however_rare_positives_are(rows: int, values: int, base: float) -> None:
    for seed in range(8):
        random = np.random.default_rng(seed)
        value = random.integers(0, values, rows)
        y = (random.random(rows) < 2 * base * value / values).astype(np.int64)
        assert coding_columns(cases(value.astype(float), y), [NUMBER]) == [], seed


@pytest.mark.parametrize(("base", "groups"), [(0.4, 300), (0.05, 40), (0.02, 10)])
def test_rates_of_ones_own_group_are_found(base: float, groups: int) -> None:
    random = np.random.default_rng(1)
    group = random.integers(0, groups, 20_000)
    y = (random.random(len(group)) < base * (0.5 + group / groups)).astype(np.int64)
    rates = pd.Series(y).groupby(group).transform("mean")
    found = coding_columns(cases(rates, y), [NUMBER.model_copy(update={"type": "float"})])
    assert [one.kind for one in found] == [CODES_LABEL]


@pytest.mark.parametrize("flipped", [False, True])
def test_both_classes_are_judged_alike(flipped: bool) -> None:
    """One of 97 %: groups without the rare class are usual; a level that most of the rare class has alone is not."""
    random = np.random.default_rng(1)
    rare = random.random(20_000) < 0.03
    y = (rare if flipped else ~rare).astype(np.int64)
    honest = np.where(random.random(len(y)) < np.where(rare, 0.05, 0.5), "often", "seldom")
    assert deciding_columns(cases(honest, y), [CATEGORY]) == []
    leak = np.where(rare & (random.random(len(y)) < 0.6), "cancelled", honest)
    assert [one.kind for one in deciding_columns(cases(leak, y), [CATEGORY])] == [DECIDES]
