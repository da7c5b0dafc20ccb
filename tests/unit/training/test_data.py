"""Weights of training rows."""

import numpy as np
import pandas as pd
import pytest

from leadmill.training.data import Rows


def test_favoured_rows_weigh_as_much_as_all_others_and_never_less_than_before() -> None:
    rows = Rows(pd.DataFrame({"x": range(8)}), np.arange(8) % 2, np.full(8, 0.5), np.arange(8))
    recent = np.arange(8) >= 6
    weight = rows.favouring(recent).weight
    assert weight[recent].sum() == pytest.approx(weight[~recent].sum()) == pytest.approx(3)
    assert (rows.favouring(~recent).weight == rows.weight).all()
    assert (rows.favouring(recent & False).weight == rows.weight).all()
