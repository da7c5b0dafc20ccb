"""One fitted candidate on the newest rows."""

from sklearn.pipeline import Pipeline

from leadmill.training.bootstrap import intervals
from leadmill.training.data import Rows
from leadmill.training.metrics import Predictions
from leadmill.training.predict import probabilities
from leadmill.training.results import Holdout


def judge(candidate: str, model: Pipeline, train: Rows, holdout: Rows) -> Holdout:
    """Every metric with its interval; the threshold is the base rate of the training rows.

    The base rate and not one half: where one lead in a hundred converts, no calibrated probability reaches a half.
    """
    predictions = Predictions(holdout.y, probabilities(model, holdout.x), train.base_rate)
    return Holdout(candidate, train.base_rate, intervals(predictions, holdout.weight, holdout.groups))
