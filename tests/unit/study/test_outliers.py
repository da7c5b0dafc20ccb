"""Fences, robust z, and what the spec's rules do."""

import numpy as np
import pandas as pd
import pytest
from study_support import MOMENT

from leadmill.spec import UseCase
from leadmill.study.data import StudyData, study_data
from leadmill.study.outliers import outliers, skewness


def test_fences_and_z_find_what_was_planted(shop: UseCase, frame: pd.DataFrame) -> None:
    values = np.linspace(0, 100, len(frame)).round()
    values[::100] = 500
    found = outliers(
        shop.features["visits"],
        study_data(shop, frame.assign(visits=values, visits_missing=False), MOMENT, {"visits: range": 7}),
    )
    assert found
    assert found.beyond == found.far_beyond == found.robust_z == 0.01
    assert found.high_fence == pytest.approx(150, abs=5)
    assert (found.refused, found.clips) == (7, False)


def test_clipping_is_measured(data: StudyData, shop: UseCase) -> None:
    found = outliers(shop.features["spend"], data)
    assert found
    assert found.clips
    assert 0 < found.clip.share < 0.02
    assert found.clip.skew_after < found.clip.skew_before


def test_more_than_half_equal_values_have_no_robust_z(shop: UseCase, frame: pd.DataFrame) -> None:
    values = np.zeros(len(frame))
    values[::5] = np.arange(len(values[::5]))
    found = outliers(shop.features["visits"], study_data(shop, frame.assign(visits=values), MOMENT))
    assert found
    assert found.robust_z is None


def test_nothing_known_is_no_column_to_judge(shop: UseCase, frame: pd.DataFrame) -> None:
    assert outliers(shop.features["budget"], study_data(shop, frame.assign(budget_missing=True), MOMENT)) is None
    assert skewness(np.full(10, 0.1)) == 0.0
