"""From a probability to what sales sees: score, band, percentile, decision."""

import numpy as np
from numpy.typing import NDArray

from leadmill.registry.champion import Cut


def scores(probability: NDArray[np.float64], scale: int) -> NDArray[np.int64]:
    """Scale x probability to the nearest integer, a half up, within 0 and scale.

    >>> scores(np.array([0.0, 0.0125, 1.0]), 100).tolist()
    [0, 1, 100]
    """
    return np.clip(np.floor(probability * scale + 0.5), 0, scale).astype(np.int64)


def bands(probability: NDArray[np.float64], cut_offs: dict[str, float]) -> NDArray[np.object_]:
    """The best band whose lowest probability is reached.

    >>> bands(np.array([0.9, 0.5, 0.2]), {"A": 0.9, "B": 0.5, "C": 0.0}).tolist()
    ['A', 'B', 'C']
    """
    names = np.array(list(cut_offs), dtype=object)
    lowest = np.array(list(cut_offs.values()))
    # Cut-offs fall from band to band: as many are above the probability as there are better bands.
    best: NDArray[np.object_] = names[np.searchsorted(-lowest, -probability, side="left").clip(max=len(names) - 1)]
    return best


def percentiles(probability: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share in per cent of the population at promotion that scored lower, in steps of the frozen grid.

    >>> percentiles(np.array([0.1, 0.3, 0.9]), np.array([0.1, 0.2, 0.3, 0.4, 0.5])).tolist()
    [0.0, 50.0, 100.0]
    """
    steps = len(grid) - 1
    lower = np.minimum(np.searchsorted(grid, probability, side="left"), steps)
    return np.round(lower * 100 / steps, 6)


def decisions(probability: NDArray[np.float64], cut: Cut) -> NDArray[np.object_]:
    """The decision of each.

    >>> decisions(np.array([0.2, 0.8]), Cut(0.8, "approve", "refuse")).tolist()
    ['refuse', 'approve']
    """
    words = np.array([cut.negative, cut.positive], dtype=object)
    found: NDArray[np.object_] = words[(probability >= cut.threshold).astype(np.int64)]
    return found
