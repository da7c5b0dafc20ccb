"""Cut-offs and percentiles, frozen with a model version from unrounded probabilities."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEPS = 1000
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Frozen:
    """What a version keeps for good: each band's lowest probability, best band first, and the percentiles."""

    bands: dict[str, float]
    percentiles: list[float]
    population: str


def cut_offs(probabilities: NDArray[np.float64], shares: Mapping[str, float]) -> dict[str, float]:
    """Lowest probability of each band, best band first; ``shares`` are cumulative and end at 1.

    A band's share is rounded up to whole entities and ties at its edge go to it, the better one. The last band takes
    everything below, now and later.

    >>> cut_offs(np.array([0.9, 0.5, 0.5, 0.1]), {"A": 0.25, "B": 0.5, "C": 1.0})
    {'A': 0.9, 'B': 0.5, 'C': 0.0}
    """
    falling = np.sort(probabilities)[::-1]
    last = list(shares)[-1]
    counts = {band: max(1, math.ceil(share * len(falling) - _ROUNDING)) for band, share in shares.items()}
    return {band: 0.0 if band == last else float(falling[count - 1]) for band, count in counts.items()}


def percentile_grid(probabilities: NDArray[np.float64]) -> list[float]:
    """The population's quantiles at 0, 0.1, ..., 100 per cent."""
    grid = np.quantile(probabilities, np.linspace(0, 1, STEPS + 1))
    return [float(value) for value in grid]
