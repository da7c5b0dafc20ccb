"""A multiclass champion made ready to be asked: the scorer of its last class, and every class and the value with it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from leadmill.registry.champion import Champion
from leadmill.scoring.classed import ClassedMany
from leadmill.scoring.scored import Scored, ScoredMany
from leadmill.scoring.scorer import Scorer
from leadmill.spec import UseCase
from leadmill.training.band_values import BandValues
from leadmill.training.banded import BandedModel, class_probabilities
from leadmill.training.compiled import Compiled, compiled
from leadmill.training.encoders import UnknownPart
from leadmill.training.predict import DECIMALS, class_probabilities_of, values_of


class BandedScorer(Scorer):
    """A :class:`Scorer` whose score, band, percentile and reasons are those of the probability of the last class.

    All of it comes from compiled thresholds and regressors, or where one of them holds unknown parts, from the model.
    """

    def __init__(self, use_case: UseCase, champion: Champion) -> None:
        super().__init__(use_case, champion)
        assert isinstance(champion.model, BandedModel)
        self._banded = champion.model
        self._parts = _parts(self._banded, champion) if self.model else None
        # A millisecond or so: what serves one by one here is made for many.
        self.light = False

    def one(self, values: Mapping[str, Any]) -> Scored:
        """One entity's score with its reasons, classes and value. Raises KeyError."""
        scored = super().one(values)
        columns = {item.name: [values[item.name]] for item in self.inputs}
        return replace(scored, classed=self._classed(columns, np.array([scored.probability])).each()[0])

    def _scored(self, columns: Mapping[str, Any], probability: NDArray[np.float64]) -> ScoredMany:
        return replace(super()._scored(columns, probability), classed=self._classed(columns, probability))

    def _classed(self, columns: Mapping[str, Any], last: NDArray[np.float64]) -> ClassedMany:
        """Classes and values of ``columns``, of whose last class the probabilities are ``last``."""
        classes = self._champion.classes
        if not len(last):
            return ClassedMany(classes, np.empty((0, len(classes))), np.empty((0, 3)))
        if self._parts is None:
            frame = self._frame(columns)
            shares = class_probabilities_of(self._banded, frame)
            return ClassedMany(classes, shares, values_of(self._banded, frame, shares))
        below, values = self._parts
        above = [expit(one.many(columns)[0]) for one in below]
        # Nothing below zero, not even zero.
        shares = np.round(class_probabilities(np.column_stack([*above, last])), DECIMALS) + 0.0
        return ClassedMany(classes, shares, values.of(columns, shares.argmax(axis=1)))


def _parts(model: BandedModel, champion: Champion) -> tuple[tuple[Compiled, ...], BandValues] | None:
    """Every threshold but the last and the regressors, compiled; None where one holds unknown parts."""
    try:
        below = tuple(compiled(one, champion.inputs) for one in model.thresholds[:-1])
        return below, BandValues(model, champion.inputs)
    except UnknownPart:
        return None
