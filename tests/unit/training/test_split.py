"""Which rows teach and which judge."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from leadmill.errors import NotTrainable
from leadmill.spec import Label, UseCase
from leadmill.training.split import grouped_folds, temporal_holdout


def test_the_newest_fifth_is_held_out(shop: UseCase, buyers: pd.DataFrame) -> None:
    split = temporal_holdout(shop, buyers.sample(frac=1, random_state=3))
    shuffled = buyers.sample(frac=1, random_state=3)["as_of"]
    assert (len(split.train), len(split.holdout), split.purged) == (480, 120, 0)
    assert shuffled.iloc[split.train].max() < shuffled.iloc[split.holdout].min() == split.begins


def test_rows_of_one_moment_stay_together(shop: UseCase, buyers: pd.DataFrame) -> None:
    tied = buyers.assign(as_of=buyers["as_of"].dt.floor("7D"))
    split = temporal_holdout(shop, tied)
    moments = tied["as_of"]
    assert not set(moments.iloc[split.train]) & set(moments.iloc[split.holdout])


def test_since_the_onset_of_drift_a_third_of_the_entities_judges_and_the_others_teach(
    shop: UseCase, buyers: pd.DataFrame
) -> None:
    slow = shop.model_copy(update={"label": Label(name="bought", horizon=timedelta(days=90))})
    again = buyers.assign(buyer_id=[f"b{number % 500}" for number in range(600)])
    onset = again["as_of"].sort_values().iloc[450]
    split = temporal_holdout(slow, again, onset)
    teachers, judges = (again.iloc[part] for part in (split.train, split.holdout))
    assert (judges["as_of"] >= onset).all()
    assert not set(teachers["buyer_id"]) & set(judges["buyer_id"])
    assert len(judges) == pytest.approx(150 / 3, rel=0.3)
    # However young their labels are.
    recent = again[again["as_of"] >= onset]
    assert len(judges) + (teachers["as_of"] >= onset).sum() == len(recent)
    later = temporal_holdout(slow, again, onset + timedelta(days=1))
    assert set(again["buyer_id"].iloc[later.holdout]) < set(judges["buyer_id"])
    assert split.begins == onset


def test_entities_in_both_are_purged_from_training(shop: UseCase, buyers: pd.DataFrame) -> None:
    again = buyers.assign(buyer_id=[f"b{number % 500}" for number in range(600)])
    split = temporal_holdout(shop, again)
    keys = again["buyer_id"]
    assert not set(keys.iloc[split.train]) & set(keys.iloc[split.holdout])
    # Rows 480..499 and 500..599 are held out, the latter being the entities of rows 0..99.
    assert (len(split.train), len(split.holdout), split.purged) == (380, 120, 100)


def test_labels_that_matured_after_the_holdout_begins_are_purged(shop: UseCase, buyers: pd.DataFrame) -> None:
    slow = shop.model_copy(update={"label": Label(name="bought", horizon=timedelta(hours=24))})
    split = temporal_holdout(slow, buyers)
    assert (len(split.train), split.purged) == (456, 24)
    assert (buyers["as_of"].iloc[split.train] + timedelta(hours=24) < split.begins).all()


def test_one_moment_only_cannot_be_split(shop: UseCase, buyers: pd.DataFrame) -> None:
    with pytest.raises(NotTrainable, match="one moment"):
        temporal_holdout(shop, buyers.assign(as_of=buyers["as_of"].iloc[0]))


def test_nothing_left_to_learn_from_is_said(shop: UseCase, buyers: pd.DataFrame) -> None:
    with pytest.raises(NotTrainable, match="before the holdout begins"):
        temporal_holdout(shop, buyers.assign(buyer_id="one"))


def test_folds_keep_entities_whole_and_outcomes_even() -> None:
    random = np.random.default_rng(4)
    groups = random.integers(0, 400, 1000)
    y = (random.random(1000) < 0.1).astype(np.int64)
    for number in (2, 5):
        folds = grouped_folds(y, groups, number)
        assert len(folds) == number
        assert np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(1000))
        for train, test in folds:
            assert not set(groups[train]) & set(groups[test])
            assert y[test].mean() == pytest.approx(y.mean(), abs=0.03)
            assert len(test) == pytest.approx(1000 / number, rel=0.1)
