"""What a training found, typed."""

import math
from dataclasses import dataclass, field

FOLDS = 5


@dataclass(frozen=True)
class Estimate:
    """A figure on the holdout with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Folds:
    """A figure over the ``FOLDS`` folds of the cross-validation: mean and (population) standard deviation."""

    mean: float
    std: float

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return self.std / math.sqrt(FOLDS - 1)


@dataclass(frozen=True)
class CrossValidation:
    """One candidate's figures over the folds; ``variants`` are for comparison only and never promoted."""

    candidate: str
    metrics: dict[str, Folds]
    variants: dict[str, dict[str, Folds]] = field(default_factory=dict)


@dataclass(frozen=True)
class Holdout:
    """One candidate's figures on the newest rows, flagged at ``threshold`` (the training base rate)."""

    candidate: str
    threshold: float
    metrics: dict[str, Estimate]


@dataclass(frozen=True)
class Importance:
    """What a feature is worth: the metric's loss when it is shuffled on the holdout."""

    feature: str
    loss: float
    std: float


@dataclass(frozen=True)
class Coefficient:
    """A feature's share in a linear model's log-odds.

    ``strength`` is the standard deviation of the feature's contribution over the training rows; ``terms`` are the
    coefficients of its encoded columns.
    """

    feature: str
    strength: float
    terms: dict[str, float]
