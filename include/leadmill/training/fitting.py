"""One candidate fitted and calibrated."""

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from leadmill.spec import UseCase
from leadmill.training.candidates import BINNED, BINS, BUILDERS, Parameters
from leadmill.training.data import Rows
from leadmill.training.inputs import ModelInput
from leadmill.training.preprocess import preprocessing
from leadmill.training.split import grouped_folds
from leadmill.training.true_share import sigmoid_at_true_share

CALIBRATION_FOLDS = 2
PREPROCESS, CLASSIFY = "preprocess", "classify"
# Attribute of a linear pipeline: its mean training row as the classifier sees it, which reasons are measured from.
MEAN_ROW = "mean_row_"


def fit_named(
    use_case: UseCase,
    candidate: str,
    inputs: Sequence[ModelInput],
    rows: Rows,
    parameters: Parameters | None = None,
) -> Pipeline:
    """A candidate of the spec, declared ones of their kind and with their parameters; see :func:`fit_candidate`."""
    model = use_case.model
    given = {**model.parameters_of(candidate), **(parameters or {})}
    return fit_candidate(model.builder_of(candidate), inputs, rows.restricted(inputs), model.class_weights, given)


def fit_candidate(
    candidate: str,
    inputs: Sequence[ModelInput],
    rows: Rows,
    class_weights: Literal["none", "balanced"] = "none",
    parameters: Parameters | None = None,
) -> Pipeline:
    """Pipeline of preprocessing and calibrated classifier, fitted on ``rows`` and nothing else.

    ``parameters`` take the place of the candidate's own of the same names.

    The sigmoid is fitted on predictions made across entity-grouped folds of these rows; the classifier behind it is
    then fitted on all of them. ``predict_proba`` takes the frame that ``model_frame`` makes.

    With balanced ``class_weights`` both classes weigh the same in the classifier, and the sigmoid brings its answers
    back to the share of positives. Rows that were rebalanced at their source (``rows.oversampled``) teach as they are;
    the sigmoid is then fitted on what each of them stands for in truth (:func:`sigmoid_at_true_share`).
    """
    given = {**({BINS: BINNED[candidate]} if candidate in BINNED else {}), **(parameters or {})}
    bins = int(given.pop(BINS, 0))
    learner = BUILDERS[candidate]().set_params(**given, class_weight=None if class_weights == "none" else class_weights)
    classifier = calibrated(learner, grouped_folds(rows.y, rows.groups, CALIBRATION_FOLDS))
    model = Pipeline([(PREPROCESS, preprocessing(inputs, bins)), (CLASSIFY, classifier)])
    as_drawn = rows.weight * np.where(rows.y == 1, rows.oversampled, 1.0)
    # On two busy cores the threads of BLAS and OpenMP wait for each other: one thread is up to ten times faster.
    with threadpool_limits(1), warnings.catch_warnings():
        # Quantiles of counts are often equal, and then one bin serves.
        warnings.filterwarnings("ignore", "Bins whose width are too small|Feature .* is constant", UserWarning)
        model.fit(rows.x, rows.y, **{f"{CLASSIFY}__sample_weight": as_drawn})
        if rows.oversampled != 1.0:
            sigmoid = classifier.calibrated_classifiers_[0].calibrators[0]
            x = model.named_steps[PREPROCESS].transform(rows.x)
            sigmoid.a_, sigmoid.b_ = sigmoid_at_true_share(learner, x, rows, as_drawn)
    if isinstance(learner, LogisticRegression):
        setattr(model, MEAN_ROW, model.named_steps[PREPROCESS].transform(rows.x).mean(axis=0))
    # The folds have served; row numbers of the training set have no place in the stored model.
    classifier.set_params(cv=None)
    return model


def calibrated(
    learner: ClassifierMixin, folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
) -> CalibratedClassifierCV:
    """Unfitted: the learner behind a sigmoid that is fitted on what it answers across these folds."""
    return CalibratedClassifierCV(learner, method="sigmoid", ensemble=False, cv=folds)
