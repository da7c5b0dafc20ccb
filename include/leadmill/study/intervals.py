"""Shares, differences and how far to trust them: 95 % intervals."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from leadmill.study.data import Floats, Ints
from leadmill.training.candidates import SEED
from leadmill.training.results import Estimate

Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Rate:
    """A share of positives with its interval, among rows of total weight ``weight``."""

    rows: int
    weight: float
    value: float
    low: float
    high: float


def rate(y: Ints, weight: Floats, z: float = Z) -> Rate:
    """Weighted share of positives with Wilson's interval.

    The weights of an entity's rows sum to 1, so their sum, and not the number of rows, counts as the sample size.
    """
    total = float(weight.sum())
    if not total:
        return Rate(0, 0.0, float("nan"), float("nan"), float("nan"))
    share = float(weight @ y) / total
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return Rate(len(y), total, share, max(0.0, float(centre - half)), min(1.0, float(centre + half)))


def difference(one: Rate, other: Rate) -> Estimate:
    """``one`` minus ``other`` with Newcombe's interval, made of the intervals of the two (1998, method 10)."""
    value = one.value - other.value
    low = np.sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    high = np.sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    return Estimate(value, float(value - low), float(value + high))


def z_of_many(tests: int) -> float:
    """The z of an interval that is at 95 % for ``tests`` of them together (Bonferroni)."""
    return NormalDist().inv_cdf(1 - 0.025 / max(tests, 1))


def mean_of_entities(values: Floats, groups: Ints) -> Estimate:
    """Mean of rows with a 95 % interval in which an entity's rows count as one observation of their sum."""
    _, codes = np.unique(groups, return_inverse=True)
    mean = float(values.mean())
    spread = np.bincount(codes, weights=values - mean)
    entities = len(spread)
    half = Z * float(np.sqrt(np.square(spread).sum() * entities / max(entities - 1, 1))) / len(values)
    return Estimate(mean, mean - half, mean + half)


def resampled(groups: Ints, times: int) -> Iterator[Ints]:
    """Positions of rows, ``times`` times: entities are drawn with replacement, each with all of its rows."""
    random = np.random.default_rng(SEED)
    order = np.argsort(groups, kind="stable")
    _, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    for _ in range(times):
        drawn = random.integers(0, len(sizes), len(sizes))
        firsts, counts = starts[drawn], sizes[drawn]
        offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        yield order[np.repeat(firsts, counts) + offsets]
