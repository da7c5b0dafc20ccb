"""Columns that are codes in disguise: of the entity, of time, or of the label itself."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from leadmill.columns import Column
from leadmill.training.leakage.cases import Cases
from leadmill.training.leakage.findings import CODES_IDENTITY, CODES_LABEL, Finding

LEAST_ENTITIES = 100
# A category of which every other entity has a level of its own names entities, not kinds.
DISTINCT_LEVELS = 0.5
# A whole number that (nearly) every entity has to itself and that rises or falls with time is a counter or a clock.
DISTINCT_NUMBERS, WITH_TIME = 0.95, 0.95
# Least variance of a group's number of positives: of rarer ones Pearson's statistic is no chi-squared (Cochran, 1954).
EXPECTED_SPREAD = 5.0
# Chance that figures of other entities' labels, or of none, lie as near to the label rates as these do.
CHANCE = 1e-6
LEAST_LEVELS, PURE_LEVELS, EXPECTED_PURE = 20, 0.9, 0.5


def coding_columns(cases: Cases, columns: Sequence[Column]) -> list[Finding]:
    """Findings about columns that code identity or label. Looks at the last row of each entity."""
    last = cases.last_of_each()
    found = []
    for column in columns:
        known = last.known[column.name].notna().to_numpy()
        values, y = last.known[column.name][known], last.y[known]
        if len(values) < LEAST_ENTITIES:
            continue
        found += [one for test in _TESTS.get(column.type, ()) if (one := test(column, values, y))][:1]
    return found


def _names_entities(column: Column, values: pd.Series, y: NDArray[np.int64]) -> Finding | None:
    share = values.nunique() / len(values)
    if share < DISTINCT_LEVELS:
        return None
    return Finding(
        CODES_IDENTITY,
        column.name,
        f"it has {values.nunique():,} levels for {len(values):,} entities: it names them and says nothing of new ones",
        {"levels": int(values.nunique()), "entities": len(values), "limit": DISTINCT_LEVELS},
    )


def _counts(column: Column, values: pd.Series, y: NDArray[np.int64]) -> Finding | None:
    whole = bool((values == values.round()).all())
    share = values.nunique() / len(values)
    if not whole or share < DISTINCT_NUMBERS:
        return None
    with_time = float(stats.spearmanr(np.arange(len(values)), values).statistic)
    if abs(with_time) < WITH_TIME:
        return None
    return Finding(
        CODES_IDENTITY,
        column.name,
        f"{share:.0%} of {len(values):,} entities have a whole number of their own, which follows the order of time "
        f"(rank correlation {with_time:+.3f}): it is a counter or a clock",
        {"distinct": share, "with_time": with_time, "entities": len(values)},
    )


def _label_rates(column: Column, values: pd.Series, y: NDArray[np.int64]) -> Finding | None:
    """A number that lies nearer to the label rates of its own groups than chance allows was made from these labels.

    The rates of K groups lie around any line of an honest number with a chi-squared of K - 2 degrees of freedom; where
    the number is their own rate (a target encoding that saw the row's label) they lie on the line. Groups in which a
    variance of less than EXPECTED_SPREAD is expected are left out.
    """
    by_value = pd.DataFrame({"v": values.to_numpy(), "y": y}).groupby("v")["y"].agg(["size", "sum"])
    by_value = by_value[by_value["size"] > 1]
    if len(by_value) < 3 or by_value["size"].sum() < max(LEAST_ENTITIES, 0.5 * len(values)):
        return None
    size = by_value["size"].to_numpy(dtype=np.float64)
    rate = by_value["sum"].to_numpy() / size
    base = float(np.average(rate, weights=size))
    if base in (0.0, 1.0):
        return None
    value = by_value.index.to_numpy(dtype=np.float64)
    telling = size * (line := _line(value, rate, size, len(y))) * (1 - line) >= EXPECTED_SPREAD
    if telling.sum() < 3:
        return None
    value, rate, size = value[telling], rate[telling], size[telling]
    fitted = _line(value, rate, size, len(y))
    explained = float((size * (fitted - base) ** 2).sum() / (base * (1 - base)))
    left = float((size * (rate - fitted) ** 2 / (fitted * (1 - fitted))).sum())
    degrees = len(value) - 2
    chance = float(stats.chi2.cdf(left, degrees))
    if chance >= CHANCE or stats.chi2.sf(explained, 1) >= CHANCE:
        return None
    return Finding(
        CODES_LABEL,
        column.name,
        f"its {len(value):,} commonest values lie on the positive rates of the entities that have them (chi-squared "
        f"{left:.2g} where {degrees:,} is usual): it was computed from these labels",
        {"values": len(value), "chi_squared": left, "degrees": degrees, "chance": chance, "explained": explained},
    )


def _line(
    value: NDArray[np.float64], rate: NDArray[np.float64], size: NDArray[np.float64], cases: int
) -> NDArray[np.float64]:
    """What a straight line through the rates says of each value, kept inside (0, 1)."""
    slope, cut = np.polyfit(value, rate, 1, w=np.sqrt(size))
    fitted: NDArray[np.float64] = np.clip(slope * value + cut, 1 / cases, 1 - 1 / cases)
    return fitted


def _levels_sorted_by_label(column: Column, values: pd.Series, y: NDArray[np.int64]) -> Finding | None:
    """Levels of a few entities each that are all positive or all negative, far oftener than chance would have it."""
    by_level = pd.DataFrame({"v": values.to_numpy(), "y": y}).groupby("v")["y"].agg(["size", "sum"])
    by_level = by_level[by_level["size"] > 2]
    if len(by_level) < LEAST_LEVELS:
        return None
    size, base = by_level["size"].to_numpy(dtype=np.float64), float(np.mean(y))
    expected = float(np.average(base**size + (1 - base) ** size, weights=size))
    pure = float(np.average((by_level["sum"] == 0) | (by_level["sum"] == by_level["size"]), weights=size))
    if pure < PURE_LEVELS or expected > EXPECTED_PURE:
        return None
    return Finding(
        CODES_LABEL,
        column.name,
        f"{pure:.0%} of the entities in its {len(by_level):,} repeated levels share their level with one outcome only "
        f"(by chance: {expected:.0%}): the levels were made knowing it",
        {"levels": len(by_level), "pure": pure, "expected": expected},
    )


_Test = Callable[[Column, pd.Series, NDArray[np.int64]], Finding | None]
_NUMBERS: tuple[_Test, ...] = (_counts, _label_rates)
_TESTS: dict[str, tuple[_Test, ...]] = {
    "category": (_names_entities, _levels_sorted_by_label),
    "int": _NUMBERS,
    "float": _NUMBERS,
}
