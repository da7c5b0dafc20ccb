"""The first half of the pipeline."""

import numpy as np
import pandas as pd
import pytest

from leadmill.spec import UseCase
from leadmill.training.inputs import model_frame, model_inputs
from leadmill.training.preprocess import _bins, preprocessing, source_column


@pytest.mark.filterwarnings("error")
def test_bins_of_many_rows_are_the_same_at_each_fit() -> None:
    many = np.random.default_rng(3).normal(size=(250_000, 1))
    first, second = (_bins(4).fit(many).bin_edges_[0].tolist() for _ in range(2))
    assert first == second


def test_rare_levels_are_grouped_and_unseen_ones_read_as_rare(shop: UseCase, buyers: pd.DataFrame) -> None:
    inputs = model_inputs(shop)
    rare = buyers.assign(channel=["fax", "carrier pigeon", *buyers["channel"].iloc[2:]])
    step = preprocessing(inputs).fit(model_frame(rare, inputs))
    terms = [name for name in step.get_feature_names_out() if name.startswith("channel=")]
    assert terms == ["channel=mail", "channel=partner", "channel=search", "channel=infrequent_sklearn"]
    columns = [list(step.get_feature_names_out()).index(term) for term in terms]
    new = model_frame(rare.head(1).assign(channel="'; drop table"), inputs)
    assert step.transform(new)[0, columns].tolist() == [0, 0, 0, 1]


def test_unseen_levels_without_a_rare_one_are_all_zero(shop: UseCase, buyers: pd.DataFrame) -> None:
    inputs = model_inputs(shop)
    step = preprocessing(inputs).fit(model_frame(buyers, inputs))
    columns = [at for at, name in enumerate(step.get_feature_names_out()) if name.startswith("channel=")]
    new = model_frame(buyers.head(1).assign(channel="new"), inputs)
    assert step.transform(new)[0, columns].tolist() == [0, 0, 0]


def test_numbers_are_scaled_clipped_where_declared_and_flags_stay(shop: UseCase, buyers: pd.DataFrame) -> None:
    inputs = model_inputs(shop)
    wild = buyers.assign(visits=[1_000_000, *buyers["visits"].iloc[1:]])
    step = preprocessing(inputs).fit(model_frame(wild, inputs))
    found = pd.DataFrame(step.transform(model_frame(wild, inputs)), columns=step.get_feature_names_out())
    assert found["visits"].max() < 5
    assert np.allclose(found[["speed", "interest"]].std(ddof=0), 1)
    assert set(found["visits_missing"]) == {0.0, 1.0}
    assert {source_column(term) for term in found.columns} == {item.name for item in inputs}
