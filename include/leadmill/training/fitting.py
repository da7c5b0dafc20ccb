"""One candidate fitted and calibrated."""

from collections.abc import Sequence

from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from leadmill.training.candidates import BUILDERS
from leadmill.training.data import Rows
from leadmill.training.inputs import ModelInput
from leadmill.training.preprocess import preprocessing
from leadmill.training.split import grouped_folds

CALIBRATION_FOLDS = 2
PREPROCESS, CLASSIFY = "preprocess", "classify"


def fit_candidate(candidate: str, inputs: Sequence[ModelInput], rows: Rows) -> Pipeline:
    """Pipeline of preprocessing and calibrated classifier, fitted on ``rows`` and nothing else.

    The sigmoid is fitted on predictions made across entity-grouped folds of these rows; the classifier behind it is
    then fitted on all of them. ``predict_proba`` takes the frame that ``model_frame`` makes.
    """
    splits = grouped_folds(rows.y, rows.groups, CALIBRATION_FOLDS)
    classifier = CalibratedClassifierCV(BUILDERS[candidate](), method="sigmoid", ensemble=False, cv=splits)
    model = Pipeline([(PREPROCESS, preprocessing(inputs)), (CLASSIFY, classifier)])
    # On two busy cores the threads of BLAS and OpenMP wait for each other: one thread is up to ten times faster.
    with threadpool_limits(1):
        model.fit(rows.x, rows.y, **{f"{CLASSIFY}__sample_weight": rows.weight})
    # The folds have served; row numbers of the training set have no place in the stored model.
    classifier.set_params(cv=None)
    return model
