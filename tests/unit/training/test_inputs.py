"""The columns a model takes."""

import pandas as pd
import pytest

from leadmill.spec import UseCase
from leadmill.training.inputs import model_frame, model_inputs


def test_every_input_is_followed_by_its_flag(shop: UseCase) -> None:
    names = [item.name for item in model_inputs(shop)]
    assert names[:4] == ["visits", "visits_missing", "speed", "speed_missing"]
    # 'unknown' is a level of its own, so the channel needs no flag.
    assert "channel" in names
    assert "channel_missing" not in names


def test_a_left_out_feature_takes_its_flag_along(shop: UseCase) -> None:
    assert not {"visits", "visits_missing"} & {item.name for item in model_inputs(shop, without=["visits"])}


def test_frame_has_exactly_the_inputs_as_text_and_float(shop: UseCase, buyers: pd.DataFrame) -> None:
    x = model_frame(buyers, model_inputs(shop))
    assert list(x.columns) == [item.name for item in model_inputs(shop)]
    assert x["channel"].dtype == object
    assert set(map(str, x.drop(columns="channel").dtypes)) == {"float64"}


def test_an_absent_input_is_named(shop: UseCase, buyers: pd.DataFrame) -> None:
    with pytest.raises(KeyError, match="speed"):
        model_frame(buyers.drop(columns="speed"), model_inputs(shop))
