"""Figures of predicted bands and values against what came true, many weightings at once (see ``training.metrics``)."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from leadmill.training.metrics import Array, Predictions

# Of the last band against all others, which is what the score is of.
LAST = ("roc_auc", "pr_auc", "brier", "lift_at_10")
# Of what comes true, so much lies in the intervals of predicted values, give or take so much.
COVERAGE, COVERAGE_OFF = 0.8, 0.05
_TINY = 1e-15


@dataclass(frozen=True)
class BandPredictions:
    """Probabilities of the bands beside the band that came true, and where they are known the values beside the truth.

    ``y`` are numbers of bands, ``probability`` is (rows, bands), ``value`` the label itself and ``predicted`` its
    value, low and high: (rows, 3).
    """

    y: NDArray[np.int64]
    probability: Array
    value: Array = field(default_factory=lambda: np.empty(0))
    predicted: Array | None = None

    @property
    def codes(self) -> NDArray[np.int64]:
        """Number of the most probable band."""
        found: NDArray[np.int64] = np.argmax(self.probability, axis=1).astype(np.int64)
        return found

    @property
    def last(self) -> Predictions:
        """The last band against all others."""
        bands = self.probability.shape[1]
        return Predictions((self.y == bands - 1).astype(np.int64), self.probability[:, -1], 1 / bands)

    def take(self, index: NDArray[np.int64]) -> "BandPredictions":
        """These rows only, by position."""
        predicted = self.predicted if self.predicted is None else self.predicted[index]
        value = self.value[index] if len(self.value) else self.value
        return replace(self, y=self.y[index], probability=self.probability[index], value=value, predicted=predicted)

    def figures(self, weights: Array) -> dict[str, Array]:
        """Every metric for every row of ``weights`` (resamples, rows).

        ``macro_f1``, ``accuracy`` and ``weighted_kappa`` (Cohen's, quadratic weights) are of the most probable band;
        ``calibration_error`` is the mean over the bands of the expected calibration error. Of values: ``wape``, the sum
        of absolute errors over the sum of what came true, and ``coverage``, the share of truths in their interval.
        """
        total = weights.sum(axis=1)
        chosen = np.clip(self.probability[np.arange(len(self.y)), self.y], _TINY, 1.0)
        last = self.last.figures(weights)
        return {
            "log_loss": weights @ -np.log(chosen) / total,
            **decided(self.y, self.codes, self.probability.shape[1], weights),
            "calibration_error": calibration_errors(self.y, self.probability, weights).mean(axis=0),
            **{name: last[name] for name in LAST},
            **({} if self.predicted is None else _valued(self.value, self.predicted, weights)),
        }


def decided(y: NDArray[np.int64], codes: NDArray[np.int64], bands: int, weights: Array) -> dict[str, Array]:
    """Figures of bands that were named, without probabilities; F1 of a band that nobody is in and nobody says is 0."""
    cells = np.zeros((len(y), bands * bands))
    cells[np.arange(len(y)), y * bands + codes] = 1.0
    found = (weights @ cells).reshape(-1, bands, bands)
    found = found / found.sum(axis=(1, 2), keepdims=True)
    hits = np.diagonal(found, axis1=1, axis2=2)
    true, named = found.sum(axis=2), found.sum(axis=1)
    f1 = np.divide(2 * hits, true + named, out=np.zeros_like(hits), where=true + named > 0)
    away = np.square(np.subtract.outer(np.arange(bands), np.arange(bands))).astype(np.float64)
    by_chance = (true[:, :, np.newaxis] * named[:, np.newaxis, :] * away).sum(axis=(1, 2))
    missed = (found * away).sum(axis=(1, 2))
    return {
        "macro_f1": f1.mean(axis=1),
        "accuracy": hits.sum(axis=1),
        "weighted_kappa": 1 - np.divide(missed, by_chance, out=np.ones_like(missed), where=by_chance > 0),
    }


def calibration_errors(y: NDArray[np.int64], probability: Array, weights: Array, parts: int = 10) -> Array:
    """(bands, resamples): mean distance of probability and share over ``parts`` of equal size by probability."""
    rows, bands = probability.shape
    found = []
    for code in range(bands):
        order = np.argsort(probability[:, code], kind="stable")
        place = np.empty(rows, dtype=np.int64)
        place[order] = np.arange(rows) * parts // rows
        off = np.zeros((rows, parts))
        off[np.arange(rows), place] = probability[:, code] - (y == code)
        found.append(np.abs(weights @ off).sum(axis=1) / weights.sum(axis=1))
    return np.array(found)


def wape(value: Array, predicted: Array, weights: Array) -> Array:
    """Weighted sum of absolute errors over the weighted sum of absolute truths."""
    found: Array = weights @ np.abs(value - predicted) / (weights @ np.abs(value))
    return found


def _valued(value: Array, predicted: Array, weights: Array) -> dict[str, Array]:
    inside = (value >= predicted[:, 1]) & (value <= predicted[:, 2])
    return {
        "wape": wape(value, predicted[:, 0], weights),
        "coverage": weights @ inside.astype(np.float64) / weights.sum(axis=1),
    }
