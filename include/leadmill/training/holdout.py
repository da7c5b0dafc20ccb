"""One fitted candidate on the newest rows."""

from leadmill.training.answers import answered
from leadmill.training.banded import Model
from leadmill.training.bootstrap import intervals
from leadmill.training.data import Rows
from leadmill.training.results import Holdout


def judge(candidate: str, model: Model, train: Rows, holdout: Rows) -> Holdout:
    """Every metric with its interval; the threshold is the base rate of the training rows.

    The base rate and not one half: where one lead in a hundred converts, no calibrated probability reaches a half.
    """
    predictions = answered(model, holdout, train.base_rate)
    return Holdout(candidate, train.base_rate, intervals(predictions, holdout.weight, holdout.groups))
