"""Whether both sides came to the same features and scores."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from leadmill import names
from leadmill.spec import UseCase
from leadmill.storage.ddl import feature_columns
from leadmill.storage.frames import read_frame


@dataclass(frozen=True)
class Agreement:
    """Rows compared and the largest difference of a number; every other value must be equal."""

    rows: int
    rejected: int
    feature_difference: float
    score_difference: float


def features_and_scores(use_case: UseCase, since: pd.Timestamp) -> pd.DataFrame:
    """leadmill's published features and probabilities of rows recorded after ``since``, in the order of the key."""
    key = use_case.entity.key
    columns = ", ".join(f"f.{column.name}" for column in feature_columns(use_case))
    return read_frame(
        f"SELECT f.{key}, {columns}, s.probability FROM {names.latest_view(use_case)} AS f "
        f"JOIN {names.scores_table(use_case)} AS s USING ({key}) WHERE f.event_timestamp > $1 ORDER BY f.{key}",
        [since.to_pydatetime()],
    )


def stock_features_and_scores(use_case: UseCase) -> pd.DataFrame:
    """The same of the stock side."""
    key = use_case.entity.key
    columns = ", ".join(f"f.{column.name}" for column in feature_columns(use_case))
    return read_frame(
        f"SELECT f.{key}, {columns}, s.probability FROM stock.features AS f JOIN stock.scores AS s USING ({key}) "
        f"ORDER BY f.{key}"
    )


def agreement(use_case: UseCase, ours: pd.DataFrame, stock: pd.DataFrame, rows: int) -> Agreement:
    """Raises AssertionError where rows, levels or flags differ, or a number by more than 1e-9 of its size."""
    assert len(ours) == len(stock), f"{len(ours):,} rows of leadmill, {len(stock):,} of stock"
    worst = 0.0
    for name in ours.columns:
        if ours[name].dtype.kind in "if":
            left, right = ours[name].to_numpy(dtype=np.float64), stock[name].to_numpy(dtype=np.float64)
            off = float(np.max(np.abs(left - right) / np.maximum(1, np.abs(right)), initial=0.0))
            assert off <= 1e-9, f"{name} differs by {off:g}"
            worst = max(worst, off) if name != "probability" else worst
        else:
            assert ours[name].tolist() == stock[name].tolist(), f"{name} differs"
    score = float((ours["probability"] - stock["probability"]).abs().max()) if len(ours) else 0.0
    return Agreement(len(ours), rows - len(ours), worst, score)
