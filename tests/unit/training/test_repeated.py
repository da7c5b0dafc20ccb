"""Baselines, declared candidates and the chosen one by repeated folds, and models that take logarithms."""

import math

import numpy as np
import pandas as pd
import pytest

from leadmill.learning import Declared, Published
from leadmill.spec import UseCase
from leadmill.training import repeated
from leadmill.training.compiled import compiled
from leadmill.training.data import rows_of
from leadmill.training.fitting import fit_named
from leadmill.training.inputs import model_inputs
from leadmill.training.predict import probabilities
from leadmill.training.repeated import interval, repeated_figures


@pytest.fixture(scope="module")
def declaring(shop: UseCase) -> UseCase:
    """The shop with a logarithm, a baseline and a candidate of its own."""
    old = Declared(
        builder="random_forest",
        parameters={"n_estimators": 5, "max_depth": 3},
        inputs=("visits", "channel"),
        published=Published(accuracy=0.9),
    )
    model = shop.model.model_copy(update={"declared": {"old": old}, "baselines": ("channel",)})
    logged = {name: shop.features[name].model_copy(update={"transform": "log"}) for name in ("visits",)}
    speed = shop.features["speed"].model_copy(update={"min": 0, "transform": "log"})
    features = {**shop.features, **logged, "speed": speed}
    return shop.model_copy(update={"model": model, "features": features})


@pytest.fixture(scope="module")
def taught(buyers: pd.DataFrame) -> pd.DataFrame:
    return buyers.assign(speed=np.exp(buyers["speed"]))


def test_each_is_asked_with_its_own_inputs_and_stands_beside_what_was_published(
    declaring: UseCase, taught: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeated, "REPEATS", 1)
    rows = rows_of(declaring, taught, model_inputs(declaring))
    found = repeated_figures(declaring, "logistic_regression", rows)
    assert [(one.name, one.kind) for one in found] == [
        ("channel alone", "baseline"),
        ("old", "declared"),
        ("logistic_regression", "chosen"),
    ]
    assert [one.published_accuracy for one in found] == [None, 0.9, None]
    assert all(one.accuracy.low < one.accuracy.value < one.accuracy.high for one in found)
    assert found[0].roc_auc.value < found[2].roc_auc.value
    inputs = model_inputs(declaring, candidate="old")
    assert [item.name for item in inputs] == ["visits", "visits_missing", "channel"]
    assert list(fit_named(declaring, "old", inputs, rows).feature_names_in_) == [item.name for item in inputs]


def test_nothing_is_measured_where_nothing_is_declared(shop: UseCase, buyers: pd.DataFrame) -> None:
    assert repeated_figures(shop, "logistic_regression", rows_of(shop, buyers, model_inputs(shop))) == []


def test_the_interval_is_that_of_nadeau_and_bengio() -> None:
    values = [0.7, 0.8, 0.75, 0.85, 0.9]
    found = interval(values)
    error = float(np.std(values, ddof=1)) * math.sqrt(1 / 5 + 1 / 4)
    assert found.value == pytest.approx(0.8)
    # Student's t with four degrees of freedom.
    assert found.high - found.value == pytest.approx(2.7764451 * error)


@pytest.mark.parametrize("candidate", ["logistic_regression", "additive_scorecard", "random_forest"])
def test_a_compiled_model_takes_the_logarithms_that_the_pipeline_takes(
    declaring: UseCase, taught: pd.DataFrame, candidate: str
) -> None:
    inputs = model_inputs(declaring)
    assert {item.name for item in inputs if item.log} == {"visits", "speed"}
    rows = rows_of(declaring, taught, inputs)
    fitted = fit_named(declaring, candidate, inputs, rows)
    wanted = probabilities(fitted, rows.x)
    made = compiled(fitted, inputs)
    columns = {name: rows.x[name].tolist() for name in rows.x}
    many = 1 / (1 + np.exp(-made.many(columns)[0]))
    assert np.abs(many - wanted).max() < 1e-9
    one = [1 / (1 + math.exp(-made.one(row)[0])) for row in rows.x.head(20).to_dict("records")]
    assert np.abs(np.array(one) - wanted[:20]).max() < 1e-9
