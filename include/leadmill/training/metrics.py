"""Figures of probabilities against outcomes, many weightings at once.

A bootstrap resample is a vector of counts, so one sorted pass over the rows serves all of them: every function takes
weights of shape (resamples, rows) and answers one figure per resample.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

METRICS = ("roc_auc", "pr_auc", "log_loss", "brier", "f1", "precision", "recall", "mcc", "lift_at_10")
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "calibration_error", "wape"})
# Neither more nor less of it is better.
NO_ORDER = frozenset({"coverage"})
TOP_SHARE = 0.1
_TINY = 1e-15


@dataclass(frozen=True)
class Predictions:
    """Probabilities beside what came true; ``threshold`` and above counts as a predicted positive."""

    y: NDArray[np.int64]
    probability: Array
    threshold: float

    def figures(self, weights: Array) -> dict[str, Array]:
        """Every metric for every row of ``weights`` (resamples, rows); NaN where a resample holds one class only.

        F1, precision, recall and MCC are at the threshold; ``lift_at_10`` is the positive rate among the tenth of the
        weight with the highest probabilities over the overall positive rate.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            found = _ranking(self, weights) | _probabilistic(self, weights) | _decisions(self, weights)
        return {name: found[name] for name in METRICS}

    def take(self, index: NDArray[np.int64]) -> Self:
        """These rows only, by position."""
        return replace(self, y=self.y[index], probability=self.probability[index])


class Judged(Protocol):
    """Predictions beside what came true, of two classes or of bands."""

    def figures(self, weights: Array) -> dict[str, Array]:
        """Every metric for every row of ``weights`` (resamples, rows)."""

    def take(self, index: NDArray[np.int64]) -> "Judged":
        """These rows only, by position."""


def better_by(metric: str, challenger: Array, champion: Array) -> Array:
    """By how much the challenger is better (negative: worse), whichever way the metric points."""
    return champion - challenger if metric in LOWER_IS_BETTER else challenger - champion


def _ranking(predictions: Predictions, weights: Array) -> dict[str, Array]:
    order = np.argsort(-predictions.probability, kind="stable")
    sorted_p = predictions.probability[order]
    starts = np.flatnonzero(np.r_[True, sorted_p[1:] != sorted_p[:-1]])
    ranked = weights[:, order]
    positive = np.add.reduceat(ranked * predictions.y[order], starts, axis=1)
    weight = np.add.reduceat(ranked, starts, axis=1)
    true, flagged = np.cumsum(positive, axis=1), np.cumsum(weight, axis=1)
    false = flagged - true
    positives, negatives = true[:, -1], false[:, -1]
    area = ((weight - positive) * (true - positive / 2)).sum(axis=1)
    precision = np.divide(true, flagged, out=np.zeros_like(true), where=flagged > 0)
    return {
        "roc_auc": area / (positives * negatives),
        "pr_auc": (precision * positive).sum(axis=1) / positives,
        "lift_at_10": _lift(true, flagged, TOP_SHARE),
    }


def _lift(true: Array, flagged: Array, share: float) -> Array:
    """Ties at the edge count with the share of them that fits, as a random order among them would on average."""
    found = np.empty(len(true))
    for row, (hits, seen) in enumerate(zip(true, flagged, strict=True)):
        wanted = share * seen[-1]
        found[row] = np.interp(wanted, np.r_[0.0, seen], np.r_[0.0, hits]) / wanted / (hits[-1] / seen[-1])
    return found


def _probabilistic(predictions: Predictions, weights: Array) -> dict[str, Array]:
    y, p = predictions.y, np.clip(predictions.probability, _TINY, 1 - _TINY)
    total = weights.sum(axis=1)
    return {
        "log_loss": weights @ -(y * np.log(p) + (1 - y) * np.log1p(-p)) / total,
        "brier": weights @ np.square(predictions.probability - y) / total,
    }


def _decisions(predictions: Predictions, weights: Array) -> dict[str, Array]:
    flagged, y = predictions.probability >= predictions.threshold, predictions.y.astype(bool)
    tp, fp, fn, tn = (
        weights @ cell.astype(np.float64) for cell in (flagged & y, flagged & ~y, ~flagged & y, ~flagged & ~y)
    )
    spread = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return {
        "f1": _share(2 * tp, 2 * tp + fp + fn),
        "precision": _share(tp, tp + fp),
        "recall": _share(tp, tp + fn),
        "mcc": _share(tp * tn - fp * fn, spread),
    }


def _share(part: Array, whole: Array) -> Array:
    """The quotient, 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def point(predictions: Judged, weight: Array, names: Sequence[str] | None = None) -> dict[str, float]:
    """Every metric once, or those of ``names``, with the rows' own weights."""
    found = predictions.figures(weight[np.newaxis, :])
    return {name: float(found[name][0]) for name in names or found}
