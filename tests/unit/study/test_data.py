"""The rows of a study: what counts as missing, how rows are drawn, and when there is nothing to study."""

import numpy as np
import pandas as pd
import pytest
from study_support import MOMENT

from leadmill.spec import UseCase
from leadmill.study.data import NothingToStudy, StudyData, study_data
from leadmill.study.page import overview


def test_what_was_filled_is_missing_again(data: StudyData, frame: pd.DataFrame) -> None:
    known = data.every.known
    assert known["budget"].isna().equals(frame["budget_missing"])
    assert known["channel"].isna().equals(frame["channel"] == "unknown")
    assert set(known["wants_mail"]) == {True, False}
    assert data.every.filled["budget"].notna().all()


def test_the_split_is_that_of_training(data: StudyData) -> None:
    assert len(data.train) + len(data.holdout) + data.purged == len(data.every)
    assert data.train.as_of.max() < data.holdout_begins <= data.holdout.as_of.min()
    assert not set(data.train.groups) & set(data.holdout.groups)


def test_a_draw_takes_whole_entities_and_always_the_same(data: StudyData) -> None:
    drawn = data.every.drawn(300)
    assert 250 < len(drawn) <= 300
    whole = pd.Series(data.every.groups).value_counts()
    counts = pd.Series(drawn.groups).value_counts()
    assert (counts == whole[counts.index]).all()
    assert np.array_equal(drawn.groups, data.every.drawn(300).groups)
    assert data.every.drawn(10_000) is data.every


def test_nothing_to_study_is_said(shop: UseCase, frame: pd.DataFrame) -> None:
    with pytest.raises(NothingToStudy, match="'shop' yet: no published entity has a known label"):
        study_data(shop, frame.head(0), MOMENT)
    with pytest.raises(NothingToStudy, match="of the rarer outcome"):
        study_data(shop, frame.assign(label=0), MOMENT)


def test_of_a_sum_its_highest_band_is_studied(shop: UseCase, frame: pd.DataFrame) -> None:
    label = shop.label.model_copy(update={"title": "Spent", "unit": "euro", "aggregate": "sum"})
    sums = shop.model_copy(update={"task": "multiclass", "classes": ("low", "middle", "high"), "label": label})
    found = study_data(sums, frame.assign(label=frame["spend"]), MOMENT)
    assert found.above == pytest.approx(np.quantile(found.train.filled["spend"], 2 / 3), rel=0.05)
    assert np.array_equal(found.every.y, (frame["spend"] >= found.above).astype(int))
    assert "“Spent” is in the highest band, “high”: " in overview.section(found).findings[0]
