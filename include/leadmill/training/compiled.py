"""A fitted pipeline made ready to be asked without frames: which kind it is, and what every kind can be asked."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from leadmill.training.banded import Model, scored_model
from leadmill.training.encoders import UnknownPart, encoders, width
from leadmill.training.fitting import CLASSIFY, MEAN_ROW, PREPROCESS
from leadmill.training.inputs import ModelInput
from leadmill.training.linear import Linear
from leadmill.training.trees import Trees


class Compiled(Protocol):
    """A model whose log-odds are ``base`` plus a contribution of each of ``features``.

    ``explains`` says whether the contributions are measured from a base that means something, ``explained`` how many
    rows of a batch are worth the time that contributions take, ``light`` whether one entity takes far less than a
    millisecond. Columns are lists, numpy or Arrow arrays by name of the
    input.
    """

    features: tuple[str, ...]
    base: float
    explains: bool
    explained: int
    light: bool

    def one(self, values: Mapping[str, Any]) -> tuple[float, list[float]]:
        """Log-odds of one entity, and the contributions to them."""

    def many(self, columns: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Log-odds of many entities, and the contributions where they cost nothing more."""

    def contributions(self, columns: Mapping[str, Any]) -> NDArray[np.float64]:
        """What each feature contributes to the log-odds of many entities: a row per entity."""


def compiled(model: Model, inputs: Sequence[ModelInput]) -> Compiled:
    """The pipeline taken apart, where it is one that ``training.fitting.fit_candidate`` makes, or of the same parts.

    Of a model of bands what the score is of: the classifier of the last band. Raises UnknownPart.
    """
    pipeline = scored_model(model)
    steps = pipeline.named_steps
    if set(steps) != {PREPROCESS, CLASSIFY} or not isinstance(steps[PREPROCESS], ColumnTransformer):
        raise UnknownPart("steps of another kind")
    if {item.feature for item in inputs} - {item.name for item in inputs}:
        raise UnknownPart("a flag without its feature")
    classifier, slope, intercept = _calibrated(steps[CLASSIFY])
    parts, wide = encoders(steps[PREPROCESS], inputs), width(steps[PREPROCESS])
    owners = [item.feature for item in inputs]
    if isinstance(classifier, LogisticRegression):
        weights, constant = slope * classifier.coef_[0], slope * float(classifier.intercept_[0]) + intercept
        return Linear(parts, owners, weights, constant, getattr(pipeline, MEAN_ROW, None))
    # Splits by sets of levels are read by nobody here.
    by_levels = getattr(classifier, "is_categorical_", None) is not None
    if isinstance(classifier, (RandomForestClassifier, HistGradientBoostingClassifier)) and not by_levels:
        return Trees(parts, owners, wide, classifier, slope, intercept)
    raise UnknownPart(type(classifier).__name__)


def _calibrated(step: Any) -> tuple[Any, float, float]:
    """The classifier, and slope and intercept of the log-odds in what it answers."""
    if not isinstance(step, CalibratedClassifierCV) or len(step.calibrated_classifiers_) != 1:
        raise UnknownPart(type(step).__name__)
    only = step.calibrated_classifiers_[0]
    if only.method != "sigmoid" or list(step.classes_) != [0, 1]:
        raise UnknownPart(f"calibration by {only.method}")
    # scikit-learn's sigmoid is 1 / (1 + exp(a f + b)).
    return only.estimator, -float(only.calibrators[0].a_), -float(only.calibrators[0].b_)
