"""What a training frame held before anything was filled."""

import pandas as pd

from leadmill.columns import UNKNOWN_LEVEL, Column
from leadmill.training.inputs import NUMBERS


def known_values(frame: pd.DataFrame, column: Column) -> "pd.Series[float] | pd.Series[str]":
    """The column as it was before filling: a flagged value, and the level 'unknown', is missing again."""
    values = frame[column.name]
    missing = frame[column.flag].astype(bool) if column.has_flag else values == UNKNOWN_LEVEL
    if column.type in NUMBERS:
        return values.astype(float).mask(missing)
    return values.astype(object).where(~missing, None)
