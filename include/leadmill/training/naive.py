"""What one would say without a model: that a period will be like the last, or like that of a year ago."""

import numpy as np
import pandas as pd

from leadmill.spec import UseCase
from leadmill.training.banded_metrics import decided, wape
from leadmill.training.data import LABEL, WEIGHT
from leadmill.training.edges import Array, Edges

LAST_AGAIN, SEASONAL = "last_again", "seasonal_naive"


def naive_figures(use_case: UseCase, frame: pd.DataFrame, edges: Edges) -> dict[str, dict[str, float]]:
    """Figures of ``label.last`` and ``label.seasonal`` on some rows of a training frame; empty where none is named."""
    value, weight = (frame[name].to_numpy(dtype=np.float64) for name in (LABEL, WEIGHT))
    said = naive_values(use_case, frame)
    y, weights, bands = edges.codes(value), weight[np.newaxis, :], len(edges.names)
    return {
        name: {
            figure: float(found[0])
            for figure, found in {
                **decided(y, edges.codes(values), bands, weights),
                "wape": wape(value, values, weights),
            }.items()
        }
        for name, values in said.items()
    }


def naive_values(use_case: UseCase, frame: pd.DataFrame) -> dict[str, Array]:
    """What each says of every row; that of a year ago says the last where it is not known."""
    last, seasonal = use_case.label.last, use_case.label.seasonal
    if last is None:
        return {}
    found = {LAST_AGAIN: frame[last].to_numpy(dtype=np.float64)}
    if seasonal is not None:
        column = use_case.features[seasonal]
        missing = frame[column.flag].to_numpy(dtype=bool) if column.has_flag else np.zeros(len(frame), dtype=bool)
        found[SEASONAL] = np.where(missing, found[LAST_AGAIN], frame[seasonal].to_numpy(dtype=np.float64))
    return found
