"""The scorer of a multiclass champion: score and reasons of the last class, every class, and the value, one or many."""

import json
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from files_support import idle_use_case
from scorer_support import FEATURES, Made, draw
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from leadmill.registry.bands import cut_offs, percentile_grid
from leadmill.registry.champion import Champion
from leadmill.scoring.banded import BandedScorer
from leadmill.scoring.scorer import Scorer, scorer
from leadmill.spec import UseCase
from leadmill.training.banded import BandedModel
from leadmill.training.data import rows_of
from leadmill.training.edges import learned_edges
from leadmill.training.fit_banded import fit_banded
from leadmill.training.inputs import model_frame, model_inputs
from leadmill.training.predict import class_probabilities_of, probabilities, values_of

SPEC = (
    """
name: shop
title: Shop
task: multiclass
classes: [small, middling, large]
entity: {name: buyer, key: buyer_id, key_type: string}
source: {connection: warehouse, relations: [shop.sales], watermark: recorded_at, history: events}
as_of: [1d]
label: {name: spent, horizon: 30d, unit: euro, aggregate: sum, last: seconds}
model: {candidates: [logistic_regression], metric: log_loss}
gate: {min_rows: 100, min_positives: 20}
score: {bands: {A: 0.2, B: 1.0}}
"""
    + FEATURES
)
MANY = 300


@pytest.fixture(scope="module")
def spending(tmp_path_factory: pytest.TempPathFactory) -> UseCase:
    return idle_use_case(tmp_path_factory.mktemp("use_cases"), SPEC)


@pytest.fixture(scope="module")
def champion_of(spending: UseCase) -> Made:
    """Champion of a candidate, fitted on 600 buyers."""
    buyers, noise = draw(600, 1), np.random.default_rng(9).normal(size=600)
    spent = np.exp(4 + 0.2 * buyers["visits"] + (buyers["channel"] == "mail") - 0.3 * buyers["speed"] + 0.2 * noise)
    inputs, frame = model_inputs(spending), buyers.assign(label=spent, weight=1.0)
    rows = rows_of(spending, frame, inputs, learned_edges(spending, spent.to_numpy(), np.ones(600)))

    @cache
    def champion(candidate: str) -> Champion:
        model = fit_banded(spending, candidate, inputs, rows)
        found = probabilities(model, model_frame(buyers, inputs))
        grid = np.asarray(percentile_grid(found))
        return Champion("shop", "1", candidate, model, inputs, cut_offs(found, spending.score.bands), grid)

    return champion


def columns_of(asked: Scorer, frame: pd.DataFrame) -> dict[str, Any]:
    return {item.name: frame[item.name].to_numpy() for item in asked.inputs}


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
    return found


@pytest.mark.parametrize("candidate", ["logistic_regression", "hist_gradient_boosting"])
def test_one_and_many_and_the_batch_say_what_the_model_says(
    spending: UseCase, champion_of: Made, candidate: str
) -> None:
    champion, new = champion_of(candidate), draw(MANY, 2)
    asked, model = scorer(spending, champion), champion.model
    assert isinstance(asked, BandedScorer)
    assert isinstance(model, BandedModel)
    frame = model_frame(new, champion.inputs)
    shares = class_probabilities_of(model, frame)
    values, names = values_of(model, frame, shares), np.array(model.classes)[shares.argmax(axis=1)]
    assert len(set(names)) == 3
    many = asked.many(columns_of(asked, new))
    assert np.abs(many.probability - shares[:, -1]).max() <= 1e-9
    assert many.classed is not None
    assert np.abs(many.classed.probabilities - shares).max() <= 1e-9
    assert np.allclose(many.classed.values, values, rtol=1e-9, atol=1e-9)
    told = many.classed.each()
    assert [one.predicted_class for one in told] == names.tolist()
    for at, row in enumerate(records(new)[:60]):
        one = asked.one(row)
        assert one.classed is not None
        assert (one.score, one.band) == (many.score[at], many.band[at])
        assert one.classed.predicted_class == told[at].predicted_class
        assert one.classed.probabilities == pytest.approx(told[at].probabilities, abs=1e-9)
        assert one.classed.predicted_value == pytest.approx(told[at].predicted_value, abs=1e-6)
        assert one.classed.interval.low == pytest.approx(told[at].interval.low, abs=1e-6)
        assert one.classed.interval.high == pytest.approx(told[at].interval.high, abs=1e-6)
        assert one.classed.probabilities["large"] == one.probability
        # The reasons are those of the last class.
        assert len(one.reasons) == 6
        total = one.base + sum(reason.points for reason in one.reasons)
        assert total == pytest.approx(1000 * one.probability, abs=1e-6)
    found, texts = asked.batch(pa.Table.from_pandas(new, preserve_index=False))
    assert found.classed is not None
    assert texts.null_count < len(new)
    table = pa.table(found.classed.columns())
    assert table["predicted_class"].to_pylist() == names.tolist()
    assert [json.loads(text) for text in table["probabilities"].to_pylist()] == [one.probabilities for one in told]
    assert table["predicted_high"].to_pylist() == [one.interval.high for one in told]


def test_a_model_of_other_parts_is_asked_itself_and_gives_no_reasons(spending: UseCase, champion_of: Made) -> None:
    """Where one threshold alone cannot be taken apart, the others have reasons still, for they are the last one's."""
    champion, new = champion_of("logistic_regression"), draw(40, 2)
    model = champion.model
    assert isinstance(model, BandedModel)
    asked = scorer(spending, champion).many({item.name: new[item.name] for item in champion.inputs})
    usual = model.thresholds
    try:
        for at, explains in ((0, True), (-1, False)):
            model.thresholds = [*usual]
            model.thresholds[at] = Pipeline([("more", FunctionTransformer()), *usual[at].steps])
            other = scorer(spending, champion)
            found = other.many(columns_of(other, new))
            assert found.classed is not None
            assert asked.classed is not None
            assert np.abs(found.classed.probabilities - asked.classed.probabilities).max() <= 1e-9
            assert bool(other.one(records(new)[0]).reasons) is explains
    finally:
        model.thresholds = usual


def test_no_rows_are_no_classes(spending: UseCase, champion_of: Made) -> None:
    asked = scorer(spending, champion_of("logistic_regression"))
    found, texts = asked.batch(pa.Table.from_pandas(draw(10, 1).head(0), preserve_index=False))
    assert found.classed is not None
    assert len(found.classed.each()) == len(pa.table(found.classed.columns())) == len(texts) == 0
