"""Outliers pulled in to the quantiles of the training rows."""

from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted


class Winsorizer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Clip each column to its quantiles ``lower`` and ``upper`` as they were in the rows it was fitted on.

    >>> float(Winsorizer(0.0, 0.5).fit([[0.0], [1.0], [2.0]]).transform([[250.0]])[0, 0])
    1.0
    """

    def __init__(self, lower: float = 0.005, upper: float = 0.995) -> None:
        self.lower = lower
        self.upper = upper

    def fit(self, x: ArrayLike | pd.DataFrame, y: object = None) -> Self:
        """Learn both bounds per column."""
        if isinstance(x, pd.DataFrame):
            self.feature_names_in_ = np.asarray(x.columns, dtype=object)
        values = np.asarray(x, dtype=np.float64)
        self.n_features_in_ = values.shape[1]
        # Observed values as bounds: a count stays a count.
        self.low_ = np.quantile(values, self.lower, axis=0, method="lower")
        self.high_ = np.quantile(values, self.upper, axis=0, method="higher")
        return self

    def transform(self, x: ArrayLike | pd.DataFrame) -> NDArray[np.float64]:
        """The same rows with every value within the learned bounds."""
        check_is_fitted(self, "low_")
        clipped: NDArray[np.float64] = np.clip(np.asarray(x, dtype=np.float64), self.low_, self.high_)
        return clipped
