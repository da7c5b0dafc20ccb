"""How strongly features go together: Spearman for numbers, Cramér's V for categories, correlation ratio between."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from leadmill.columns import Column
from leadmill.study.categories import level_names
from leadmill.study.data import LEAST_SHOWN, NUMERIC, Cases, Floats, Ints
from leadmill.study.intervals import Z, resampled
from leadmill.training.results import Estimate

Kind = Literal["Spearman", "Cramér's V", "correlation ratio"]
Measure = Callable[[Floats, Floats], float]
STRONG = 0.5
SHOWN_PAIRS = 20
RESAMPLES = 60
LEAST_ROWS = 30


@dataclass(frozen=True)
class Pair:
    """Two features, the rows in which both are known, and their association with a 95 % interval."""

    one: Column
    other: Column
    kind: Kind
    rows: int
    estimate: Estimate


@dataclass(frozen=True)
class Correlations:
    """``matrix[i, j]`` of ``columns``: -1 to 1 between numbers, 0 to 1 otherwise, NaN where it cannot be told.

    ``strong`` are the pairs of at least STRONG, strongest first, at most SHOWN_PAIRS; ``strong_pairs`` counts all.
    """

    columns: tuple[Column, ...]
    matrix: Floats
    strong: tuple[Pair, ...]
    strong_pairs: int


def correlations(cases: Cases) -> Correlations:
    """Of every two features of ``cases``, over the rows in which both are known."""
    columns = cases.columns
    values = {column.name: _values(column, cases) for column in columns}
    matrix = np.eye(len(columns))
    for i, one in enumerate(columns):
        for j, other in enumerate(columns[:i]):
            matrix[i, j] = matrix[j, i] = _association(one, other, values[one.name], values[other.name])
    size = np.abs(np.tril(matrix, -1))
    strong = [(int(i), int(j)) for i, j in np.argwhere(size >= STRONG)]
    strong.sort(key=lambda at: -size[at])
    pairs = [
        _pair(columns[j], columns[i], values[columns[j].name], values[columns[i].name], cases.groups)
        for i, j in strong[:SHOWN_PAIRS]
    ]
    return Correlations(columns, matrix, tuple(pairs), len(strong))


def spearman(one: Floats, other: Floats) -> float:
    """Rank correlation, ties at their mean rank; NaN where a side is constant."""
    return _pearson(rankdata(one), rankdata(other))


def cramers_v(one: Floats, other: Floats) -> float:
    """Cramér's V of two codings, corrected for chance by Bergsma (2013); NaN where a side is constant."""
    rows = len(one)
    _, left = np.unique(one, return_inverse=True)
    _, right = np.unique(other, return_inverse=True)
    r, k = int(left.max()) + 1, int(right.max()) + 1
    if r < 2 or k < 2:
        return float("nan")
    observed = np.bincount(left * k + right, minlength=r * k).reshape(r, k).astype(float)
    expected = observed.sum(axis=1, keepdims=True) * observed.sum(axis=0, keepdims=True) / rows
    phi = float((np.square(observed - expected) / expected).sum()) / rows
    corrected = max(0.0, phi - (k - 1) * (r - 1) / (rows - 1))
    width = min(k - (k - 1) ** 2 / (rows - 1), r - (r - 1) ** 2 / (rows - 1)) - 1
    return min(1.0, float(np.sqrt(corrected / width))) if width > 0 else float("nan")


def correlation_ratio(levels: Floats, numbers: Floats) -> float:
    """Root of the share of the ranks' variance that lies between levels, corrected for their number.

    The square is Kelley's epsilon squared; NaN where a side is constant.
    """
    _, codes = np.unique(levels, return_inverse=True)
    ranks = rankdata(numbers)
    count = np.bincount(codes)
    rows, kinds = len(ranks), len(count)
    total = float(np.square(ranks - ranks.mean()).sum())
    if kinds < 2 or rows <= kinds or not total:
        return float("nan")
    means = np.bincount(codes, weights=ranks) / count
    between = float(count @ np.square(means - ranks.mean())) / total
    return float(np.sqrt(max(0.0, 1 - (1 - between) * (rows - 1) / (rows - kinds))))


def _pearson(one: Floats, other: Floats) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return float(one @ other) / scale if scale else float("nan")


def _values(column: Column, cases: Cases) -> Floats:
    """Numbers as they are, levels as codes; missing and rare levels, which would tell of single rows, as NaN."""
    if column.type in NUMERIC:
        return cases.known[column.name].to_numpy(dtype=np.float64)
    levels, codes, counts = np.unique(level_names(column, cases).astype(str), return_inverse=True, return_counts=True)
    return np.where((counts[codes] < LEAST_SHOWN) | (levels[codes] == ""), np.nan, codes.astype(np.float64))


def _measure(one: Column, other: Column) -> tuple[Kind, Measure]:
    numbers = (one.type in NUMERIC, other.type in NUMERIC)
    if all(numbers):
        return "Spearman", spearman
    if not any(numbers):
        return "Cramér's V", cramers_v
    if numbers[0]:
        return "correlation ratio", lambda number, level: correlation_ratio(level, number)
    return "correlation ratio", correlation_ratio


def _association(one: Column, other: Column, left: Floats, right: Floats) -> float:
    both = ~(np.isnan(left) | np.isnan(right))
    if both.sum() < LEAST_ROWS:
        return float("nan")
    return _measure(one, other)[1](left[both], right[both])


def _pair(one: Column, other: Column, left: Floats, right: Floats, groups: Ints) -> Pair:
    both = ~(np.isnan(left) | np.isnan(right))
    left, right = left[both], right[both]
    kind, measure = _measure(one, other)
    value = measure(left, right)
    drawn = np.array([measure(left[rows], right[rows]) for rows in resampled(groups[both], RESAMPLES)])
    # A resample may hold one level only.
    half = Z * float(np.std(drawn[~np.isnan(drawn)])) if not np.isnan(drawn).all() else float("nan")
    lowest = -1.0 if kind == "Spearman" else 0.0
    return Pair(one, other, kind, len(left), Estimate(value, max(lowest, value - half), min(1.0, value + half)))
