"""The one place where a fitted model is asked."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from leadmill.training.banded import BandedModel, Model, scored_model

DECIMALS = 12


def probabilities(model: Model, x: pd.DataFrame) -> NDArray[np.float64]:
    """Probability of the positive class, or of the last band, for each row of a model frame, to 12 decimals.

    The digits beyond depend on how many rows are asked about at once; without them a row scored alone, in a chunk or
    among the whole population gets the same probability and so the same side of a band's cut-off.
    """
    with threadpool_limits(1):
        found: NDArray[np.float64] = scored_model(model).predict_proba(x)[:, 1]
    return np.round(found, DECIMALS)


def class_probabilities_of(model: BandedModel, x: pd.DataFrame) -> NDArray[np.float64]:
    """Probability of each band for each row of a model frame, (rows, bands), to 12 decimals."""
    return np.round(model.predict_proba(x), DECIMALS)


def values_of(model: BandedModel, x: pd.DataFrame, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Value, low and high for each row of a model frame, (rows, 3), with the bands' ``probabilities`` of these rows."""
    return model.predict_value(x, probabilities)
