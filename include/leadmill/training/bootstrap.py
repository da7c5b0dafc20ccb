"""Seeded 95 % intervals: entities are drawn, not rows, because rows of one entity are not independent."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from leadmill.training.candidates import SEED
from leadmill.training.metrics import Array, Judged, better_by, point
from leadmill.training.results import Estimate

RESAMPLES = 500
_LEVEL = (2.5, 97.5)
_CELLS = 4_000_000


def intervals(predictions: Judged, weight: Array, groups: NDArray[np.int64]) -> dict[str, Estimate]:
    """Each metric with its 95 % percentile interval."""
    value = point(predictions, weight)
    drawn: dict[str, list[Array]] = {name: [] for name in value}
    for weights in resampled(weight, groups):
        for name, found in predictions.figures(weights).items():
            drawn[name].append(found)
    return {name: _estimate(value[name], np.concatenate(parts)) for name, parts in drawn.items()}


def difference(metric: str, challenger: Judged, champion: Judged, weight: Array, groups: NDArray[np.int64]) -> Estimate:
    """By how much the challenger is better on the same rows, with a paired 95 % interval."""
    value = better_by(
        metric,
        np.array([point(challenger, weight)[metric]]),
        np.array([point(champion, weight)[metric]]),
    )
    drawn = [
        better_by(metric, challenger.figures(weights)[metric], champion.figures(weights)[metric])
        for weights in resampled(weight, groups)
    ]
    return _estimate(float(value[0]), np.concatenate(drawn))


def resampled(weight: Array, groups: NDArray[np.int64]) -> Iterator[Array]:
    """Weights of RESAMPLES resamples, in blocks of (resamples, rows) that stay small in memory."""
    random = np.random.default_rng(SEED)
    _, codes = np.unique(groups, return_inverse=True)
    entities = int(codes.max()) + 1
    block = max(1, _CELLS // len(weight))
    for start in range(0, RESAMPLES, block):
        size = min(block, RESAMPLES - start)
        counts = random.multinomial(entities, np.full(entities, 1 / entities), size=size)
        yield counts[:, codes] * weight


def _estimate(value: float, drawn: Array) -> Estimate:
    if np.isnan(drawn).all():
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.nanpercentile(drawn, _LEVEL)
    return Estimate(value, float(low), float(high))
