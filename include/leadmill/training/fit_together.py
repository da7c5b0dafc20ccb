"""The classifiers of all edges as one, which has learned how amounts lie to an edge, whichever it is."""

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from leadmill.spec import UseCase
from leadmill.training.candidates import BUILDERS, OF_MANY_ROWS, SEED, Parameters
from leadmill.training.data import Rows
from leadmill.training.edges import Array
from leadmill.training.fitting import CALIBRATION_FOLDS, CLASSIFY, MEAN_ROW, PREPROCESS, calibrated
from leadmill.training.inputs import ModelInput
from leadmill.training.preprocess import preprocessing
from leadmill.training.split import grouped_folds

Folds = list[tuple[NDArray[np.int64], NDArray[np.int64]]]
# Beside the edges of the bands each row teaches about so many more, up to so far from its label.last (in logs).
DRAWN, REACH = 4, 0.8


def fit_together(
    use_case: UseCase, candidate: str, inputs: Sequence[ModelInput], rows: Rows, parameters: Parameters | None = None
) -> list[Pipeline]:
    """For each edge a calibrated pipeline that says the probability of a label above it; all hold the same classifier.

    The classifier sees amounts (inputs in the label's unit, of which the logarithm is taken) less the edge, in logs, so
    a row of any size teaches it how likely an amount grows by so much. Every row teaches about the edges of the bands
    and about DRAWN others, spread evenly around its ``label.last``: asked is where that lies, never the label. Wherever
    the edges of the bands will lie, there are rows near enough that taught about such an edge.
    """
    preprocess = preprocessing(inputs)
    x = np.asarray(preprocess.fit_transform(rows.x), dtype=np.float64)
    names = amounts(use_case, inputs)
    asked = asked_edges(np.asarray(rows.known_edges.inner), rows.x[use_case.label.last].to_numpy(dtype=np.float64))
    stacked = np.concatenate([x - edge[:, np.newaxis] * per_log(preprocess, names) for edge in asked.T])
    above = np.log1p(rows.value)[:, np.newaxis] >= asked
    every = np.arange(asked.shape[1])[:, np.newaxis] * len(rows)
    folds: Folds = [
        ((every + taught).ravel(), (every + judged).ravel())
        for taught, judged in grouped_folds(rows.y, rows.groups, CALIBRATION_FOLDS)
    ]
    model = use_case.model
    builder = model.builder_of(candidate)
    given = {**OF_MANY_ROWS.get(builder, {}), **model.parameters_of(candidate), **(parameters or {})}
    learner = BUILDERS[builder]().set_params(**given)
    classifier = calibrated(learner, folds)
    with threadpool_limits(1):
        classifier.fit(stacked, above.T.ravel().astype(np.int64), sample_weight=np.tile(rows.weight, asked.shape[1]))
    classifier.set_params(cv=None)
    found = []
    for edge in rows.known_edges.inner:
        pipeline = Pipeline([(PREPROCESS, less(preprocess, names, float(np.log1p(edge)))), (CLASSIFY, classifier)])
        if isinstance(learner, LogisticRegression):
            setattr(pipeline, MEAN_ROW, pipeline.named_steps[PREPROCESS].transform(rows.x).mean(axis=0))
        found.append(pipeline)
    return found


def amounts(use_case: UseCase, inputs: Sequence[ModelInput]) -> frozenset[str]:
    """Names of the inputs that are amounts of the label's kind."""
    unit = use_case.label.unit
    return frozenset(item.name for item in inputs if item.log and use_case.features[item.feature].unit == unit)


def asked_edges(inner: Array, last: Array) -> Array:
    """(rows, edges): log(1 + edge) of what each row teaches about."""
    random = np.random.default_rng(SEED)
    place = (np.arange(DRAWN) + random.random((len(last), DRAWN))) / DRAWN
    drawn = np.log1p(last)[:, np.newaxis] + REACH * (2 * place - 1)
    return np.column_stack([np.tile(np.log1p(inner), (len(last), 1)), np.maximum(drawn, 0.0)])


def per_log(preprocess: ColumnTransformer, names: frozenset[str]) -> Array:
    """By how much each column falls where the amounts fall by one, in logs."""
    found = np.zeros(len(preprocess.get_feature_names_out()))
    for name, step, columns in preprocess.transformers_:
        if names & set(columns):
            mine = [one in names for one in columns]
            found[preprocess.output_indices_[name]] = np.where(mine, 1 / step[-1].scale_, 0.0)
    return found


def less(preprocess: ColumnTransformer, names: frozenset[str], edge: float) -> ColumnTransformer:
    """The same, taking ``edge`` off the logarithms of the amounts."""
    found = deepcopy(preprocess)
    for _, step, columns in found.transformers_:
        if names & set(columns):
            step[-1].mean_ = step[-1].mean_ + edge * np.array([one in names for one in columns])
    return found
