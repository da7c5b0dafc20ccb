"""What a score is: a probability, what sales sees of it, and what moved it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadmill.scoring.classed import Classed, ClassedMany


@dataclass(frozen=True, slots=True)
class Reason:
    """What one feature did to one score, in score points; the last reason of a score is all other features together.

    ``value`` is the feature's, a level as its word; None for the other features.
    """

    feature: str
    title: str
    value: Any
    points: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Scored:
    """One entity's score.

    ``base`` plus the points of all ``reasons`` is scale x probability, the score before rounding, to 1e-6. Where a
    model says nothing of its reasons there are none, and ``base`` is that score itself. Of a multiclass use case all
    this is about its last class, and ``classed`` says the rest. ``decision`` is what follows, where the spec declares
    one.
    """

    probability: float
    score: int
    band: str
    percentile: float
    base: float
    reasons: tuple[Reason, ...]
    classed: Classed | None = None
    decision: str | None = None


@dataclass(frozen=True, slots=True)
class ScoredMany:
    """Scores of many entities, in the order in which they were asked about; the last two as in :class:`Scored`."""

    probability: NDArray[np.float64]
    score: NDArray[np.int64]
    band: NDArray[np.object_]
    percentile: NDArray[np.float64]
    classed: ClassedMany | None = None
    decision: NDArray[np.object_] | None = None
