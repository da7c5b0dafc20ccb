"""What each declared feature is worth to a model, its flag and its one-hot columns folded into it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from leadmill.training.answers import answered
from leadmill.training.banded import Model, scored_model
from leadmill.training.candidates import SEED
from leadmill.training.data import Rows
from leadmill.training.fitting import CLASSIFY, PREPROCESS
from leadmill.training.inputs import ModelInput
from leadmill.training.metrics import better_by, point
from leadmill.training.preprocess import source_column
from leadmill.training.results import Coefficient, Importance

REPEATS = 3
LIMIT = 10_000


def permutation_importance(
    model: Model, inputs: Sequence[ModelInput], holdout: Rows, metric: str, threshold: float
) -> list[Importance]:
    """Loss of ``metric`` when a feature and its flag are shuffled together, most important first.

    Of more than LIMIT rows as many are drawn: every feature is asked about REPEATS times.
    """
    random = np.random.default_rng(SEED)
    if len(holdout) > LIMIT:
        holdout = holdout.take(np.sort(random.permutation(len(holdout))[:LIMIT]))
    intact = _figure(model, holdout.x, holdout, metric, threshold)
    found = []
    for feature in dict.fromkeys(item.feature for item in inputs):
        columns = [item.name for item in inputs if item.feature == feature]
        losses = []
        for _ in range(REPEATS):
            order = random.permutation(len(holdout))
            shuffled = holdout.x.assign(**{name: holdout.x[name].to_numpy()[order] for name in columns})
            broken = _figure(model, shuffled, holdout, metric, threshold)
            losses.append(better_by(metric, intact, broken))
        found.append(Importance(feature, float(np.mean(losses)), float(np.std(losses))))
    return sorted(found, key=lambda item: -item.loss)


def coefficients(model: Model, inputs: Sequence[ModelInput], train: Rows) -> list[Coefficient]:
    """Coefficients behind a calibrated logistic regression, strongest first; empty for any other model."""
    pipeline = scored_model(model)
    linear = pipeline.named_steps[CLASSIFY].calibrated_classifiers_[0].estimator
    if not isinstance(linear, LogisticRegression):
        return []
    preprocess = pipeline.named_steps[PREPROCESS]
    feature_of = {item.name: item.feature for item in inputs}
    terms = [str(name) for name in preprocess.get_feature_names_out()]
    owners = np.array([feature_of[source_column(term)] for term in terms])
    encoded, weights = preprocess.transform(train.x), linear.coef_[0]
    found = []
    for feature in dict.fromkeys(item.feature for item in inputs):
        mine = np.flatnonzero(owners == feature)
        strength = float(np.std(encoded[:, mine] @ weights[mine]))
        found.append(Coefficient(feature, strength, {terms[at]: float(weights[at]) for at in mine}))
    return sorted(found, key=lambda item: -item.strength)


def _figure(
    model: Model, x: pd.DataFrame, rows: Rows, metric: str, threshold: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([point(answered(model, replace(rows, x=x), threshold, values=False), rows.weight)[metric]])
