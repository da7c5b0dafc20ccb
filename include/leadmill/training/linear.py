"""Logistic regressions and scorecards: a sum of one term per input."""

import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from math import log1p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadmill.training.encoders import Encoder, Number, as_codes, as_numbers, binned, scaled


class Linear:
    """Log-odds that are linear in the encoded row.

    The contribution of a feature is the sum over its columns of weight x (value - mean), where ``mean_row`` is the mean
    training row: the Shapley value of a linear model (Lundberg and Lee 2017, corollary 1). The base is what the mean
    row has. Without a mean row it is what a row of zeros has, and explains nothing.
    """

    light = True

    def __init__(
        self,
        encoders: Sequence[Encoder],
        owners: Sequence[str],
        weights: NDArray[np.float64],
        constant: float,
        mean_row: NDArray[np.float64] | None,
    ) -> None:
        self.features = tuple(dict.fromkeys(owners))
        self.explains, self.explained = mean_row is not None, sys.maxsize
        means = np.zeros(len(weights)) if mean_row is None else weights * mean_row
        self.base = constant + float(means.sum())
        # A place more than there are columns, so that the place -1 of what has no column weighs nothing.
        heights = np.append(weights, 0.0)
        self._encoders = tuple(encoders)
        self._owners = tuple(self.features.index(owner) for owner in owners)
        self._heights = heights
        self._centres = tuple(float(means[list(one.columns)].sum()) for one in encoders)
        self._numbers = [
            (one.name, at, one.low, one.high, one.mean, one.scale, float(heights[one.column]), centre, one.edges,
             heights[list(one.bins)].tolist(), one.log)
            for one, at, centre in self._terms() if isinstance(one, Number)
        ]  # fmt: skip
        self._levels = [
            (one.name, at, {level: float(heights[column]) - centre for level, column in one.levels.items()},
             float(heights[one.otherwise]) - centre)
            for one, at, centre in self._terms() if not isinstance(one, Number)
        ]  # fmt: skip

    def one(self, values: Mapping[str, Any]) -> tuple[float, list[float]]:
        """Log-odds of one entity, and what each feature contributes to them."""
        found = [0.0] * len(self.features)
        for name, at, low, high, mean, scale, weight, centre, edges, heights, log in self._numbers:
            value = values[name]
            taken = log1p(value) if log else value
            inside = low if taken < low else high if taken > high else taken
            term = weight * ((inside - mean) / scale)
            if heights:
                term += heights[bisect_right(edges, value)]
            found[at] += term - centre
        for name, at, terms, otherwise in self._levels:
            found[at] += terms.get(values[name], otherwise)
        return self.base + sum(found), found

    def many(self, columns: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Log-odds of many entities, and the contributions to them."""
        found = self._by_feature(columns)
        return self.base + found.sum(axis=0), found.T

    def contributions(self, columns: Mapping[str, Any]) -> NDArray[np.float64]:
        """What each feature contributes to the log-odds of many entities: a row per entity."""
        return self._by_feature(columns).T

    def _by_feature(self, columns: Mapping[str, Any]) -> NDArray[np.float64]:
        found = np.zeros((len(self.features), len(columns[self._encoders[0].name])))
        for one, at, centre in self._terms():
            if isinstance(one, Number):
                values = as_numbers(columns[one.name])
                term = self._heights[one.column] * scaled(one, values)
                if one.bins:
                    term += self._heights[list(one.bins)][binned(one, values)]
            else:
                codes, seen = as_codes(columns[one.name])
                heights = [self._heights[one.levels.get(level, one.otherwise)] for level in seen]
                term = np.array(heights, dtype=np.float64)[codes]
            found[at] += term - centre
        return found

    def _terms(self) -> Iterator[tuple[Encoder, int, float]]:
        return zip(self._encoders, self._owners, self._centres, strict=True)
