"""What a fitted model says of rows, beside what came true: of two classes or of bands."""

import numpy as np

from leadmill.training.banded import BandedModel, Model
from leadmill.training.banded_metrics import BandPredictions
from leadmill.training.data import Rows
from leadmill.training.metrics import Judged, Predictions
from leadmill.training.predict import class_probabilities_of, probabilities, values_of


def answered(model: Model, rows: Rows, threshold: float, values: bool = True) -> Judged:
    """What ``model`` says of ``rows`` (with its own inputs); ``threshold`` is that of two classes.

    A model of other bands than the rows' is translated into these (``BandedModel.probabilities_in``). A model without
    values, as cross-validation fits it, gives none, and none are asked for without ``values``.
    """
    if not isinstance(model, BandedModel):
        return Predictions(rows.y, probabilities(model, rows.x), threshold)
    asked = class_probabilities_of(model, rows.x)
    predicted = values_of(model, rows.x, asked) if values and len(model.values) else None
    return BandPredictions(rows.y, model.probabilities_in(rows.known_edges, asked), np.asarray(rows.value), predicted)
