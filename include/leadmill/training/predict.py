"""The one place where a fitted pipeline is asked."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

DECIMALS = 12


def probabilities(model: Pipeline, x: pd.DataFrame) -> NDArray[np.float64]:
    """Probability of the positive class for each row of a model frame, to 12 decimals.

    The digits beyond depend on how many rows are asked about at once; without them a row scored alone, in a chunk or
    among the whole population gets the same probability and so the same side of a band's cut-off.
    """
    with threadpool_limits(1):
        found: NDArray[np.float64] = model.predict_proba(x)[:, 1]
    return np.round(found, DECIMALS)
