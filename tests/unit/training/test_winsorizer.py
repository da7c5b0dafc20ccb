"""Outliers pulled in."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from leadmill.training.winsorizer import Winsorizer


def test_bounds_come_from_the_rows_it_was_fitted_on() -> None:
    clip = Winsorizer(0.005, 0.995).fit(pd.DataFrame({"visits": np.arange(1001.0)}))
    assert clip.transform(pd.DataFrame({"visits": [-9.0, 500.0, 25100.0]})).ravel().tolist() == [5.0, 500.0, 995.0]


def test_columns_have_their_own_bounds() -> None:
    x = np.column_stack([np.arange(11.0), np.arange(11.0) * 100])
    assert Winsorizer(0.0, 1.0).fit(x).transform([[50.0, 50.0]]).tolist() == [[10.0, 50.0]]


def test_unfitted_refuses() -> None:
    with pytest.raises(NotFittedError):
        Winsorizer().transform([[1.0]])
