"""A preprocessing taken apart."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scorer_support import draw
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from leadmill.spec import UseCase
from leadmill.training.encoders import NOWHERE, Level, Number, UnknownPart, as_codes, encoders, matrix, row, width
from leadmill.training.inputs import ModelInput, model_frame, model_inputs
from leadmill.training.preprocess import preprocessing

LEVELS = pd.DataFrame({"channel": ["mail"] * 60 + ["search"] * 60 + ["fax"]}, dtype=object)


def of_levels(frame: pd.DataFrame) -> Level:
    step = ColumnTransformer([("level", preprocessing_levels(), ["channel"])], sparse_threshold=0).fit(frame)
    (found,) = encoders(step, channel_input())
    assert isinstance(found, Level)
    return found


def preprocessing_levels() -> OneHotEncoder:
    return OneHotEncoder(min_frequency=0.01, handle_unknown="infrequent_if_exist", sparse_output=False)


def channel_input() -> list[ModelInput]:
    return [ModelInput("channel", "category", "level", "channel")]


def test_rare_levels_share_a_column_with_unseen_ones() -> None:
    assert of_levels(LEVELS) == Level("channel", {"mail": 0, "search": 1, "fax": 2}, 2)


def test_without_rare_levels_unseen_ones_go_nowhere() -> None:
    assert of_levels(LEVELS.head(120)) == Level("channel", {"mail": 0, "search": 1}, NOWHERE)


@pytest.mark.filterwarnings("ignore:Bins whose width:UserWarning")
@pytest.mark.filterwarnings("ignore:Feature .* is constant:UserWarning")
@pytest.mark.parametrize("bins", [0, 8])
def test_rows_are_encoded_as_the_preprocessing_does_one_by_one_and_all_at_once(shop: UseCase, bins: int) -> None:
    inputs, taught, new = model_inputs(shop), draw(800, 1), draw(200, 2)
    step = preprocessing(inputs, bins).fit(model_frame(taught, inputs))
    found, wide = encoders(step, inputs), width(step)
    wanted = step.transform(model_frame(new, inputs))
    assert wanted.shape[1] == wide
    columns = {item.name: new[item.name].to_numpy() for item in inputs}
    assert np.array_equal(matrix(found, wide, columns), wanted)
    records: Any = new.to_dict("records")
    assert np.array_equal(np.concatenate([row(found, wide, one) for one in records]), wanted)


def test_numbers_are_pulled_in_where_declared(shop: UseCase) -> None:
    inputs = model_inputs(shop)
    step = preprocessing(inputs).fit(model_frame(draw(800, 1), inputs))
    found = {one.name: one for one in encoders(step, inputs)}
    assert isinstance(found["visits"], Number)
    assert isinstance(found["speed"], Number)
    assert np.isfinite([found["visits"].low, found["visits"].high]).all()
    assert found["speed"].high == np.inf


@pytest.mark.parametrize(
    "step",
    [
        MinMaxScaler(),
        StandardScaler(with_mean=False),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        OneHotEncoder(drop="first", sparse_output=False),
    ],
)
def test_other_parts_are_refused(step: Any) -> None:
    numbers = pd.DataFrame({"channel": [1.0, 2.0, 3.0]})
    with pytest.raises(UnknownPart):
        encoders(ColumnTransformer([("a", step, ["channel"])]).fit(numbers), channel_input())


def test_an_input_that_goes_nowhere_and_a_column_of_nobody_are_refused() -> None:
    numbers = pd.DataFrame({"channel": [1.0, 2.0], "more": [1.0, 3.0]})
    both = ColumnTransformer([("a", StandardScaler(), ["channel", "more"])]).fit(numbers)
    with pytest.raises(UnknownPart):
        encoders(both, channel_input())
    with pytest.raises(UnknownPart):
        encoders(ColumnTransformer([("a", StandardScaler(), ["more"])]).fit(numbers), channel_input())
    with pytest.raises(UnknownPart):
        encoders(ColumnTransformer([("a", StandardScaler(), [0])]).fit(numbers), channel_input())


@pytest.mark.parametrize(
    "given", [["b", "a", "b"], np.array(["b", "a", "b"], dtype=object), pa.chunked_array([["b"], ["a", "b"]])]
)
def test_levels_are_coded_from_lists_numpy_and_arrow(given: Any) -> None:
    codes, seen = as_codes(given)
    assert [seen[code] for code in codes] == ["b", "a", "b"]
