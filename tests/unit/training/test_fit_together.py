"""One classifier for all edges, which sees how amounts lie to an edge."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from files_support import idle_use_case

from leadmill.registry.trusted import read_model, write_model
from leadmill.spec import UseCase
from leadmill.training.banded import BandedModel
from leadmill.training.compiled import compiled
from leadmill.training.data import Rows, rows_of
from leadmill.training.edges import learned_edges
from leadmill.training.fit_banded import fit_classes
from leadmill.training.fit_together import amounts, asked_edges
from leadmill.training.inputs import model_inputs
from leadmill.training.predict import class_probabilities_of, probabilities

SPEC = """
name: kiosks
title: Kiosks
task: multiclass
classes: [micro, small, large]
entity: {name: kiosk, key: kiosk_id, key_type: string}
source: {connection: warehouse, relations: [market.sales], watermark: recorded_at, history: events}
as_of: [30d]
label: {name: sold, unit: euro, horizon: 30d, aggregate: sum, last: last_month}
features:
  last_month: {type: float, unit: euro, min: 0, transform: log, impute: none, fill: 0}
  best_day: {type: float, unit: euro, min: 0, outliers: clip, transform: log, impute: none, fill: 0}
  customers: {type: float, min: 0, transform: log, impute: none, fill: 0}
  trend: {type: float, impute: none, fill: 0}
  place: {type: category, impute: unknown}
model: {candidates: [logistic_regression, hist_gradient_boosting], metric: log_loss, edges: together}
score: {population: all, bands: {A: 0.2, B: 1.0}}
"""
AMOUNTS = ["last_month", "best_day"]


@pytest.fixture(scope="module")
def kiosks(tmp_path_factory: pytest.TempPathFactory) -> UseCase:
    return idle_use_case(tmp_path_factory.mktemp("use_cases"), SPEC)


@pytest.fixture(scope="module")
def rows(kiosks: UseCase) -> Rows:
    """1,200 kiosks of many sizes, which grow by a trend that a feature knows, and by chance."""
    random, size = np.random.default_rng(4), 1200
    last, trend = np.exp(random.normal(7, 1, size)), random.normal(0, 0.4, size)
    frame = pd.DataFrame(
        {
            "kiosk_id": [f"k{number}" for number in range(size)],
            "label": last * np.exp(trend + random.normal(0, 0.2, size)),
            "weight": 1.0,
            "last_month": last,
            "best_day": last * random.uniform(0.05, 0.2, size),
            "customers": random.poisson(30, size),
            "trend": trend,
            "place": random.choice(["gate", "corner"], size),
        }
    )
    edges = learned_edges(kiosks, frame["label"].to_numpy(), np.ones(size))
    return rows_of(kiosks, frame, model_inputs(kiosks), edges)


@pytest.fixture(scope="module", params=["logistic_regression", "hist_gradient_boosting"])
def model(request: pytest.FixtureRequest, kiosks: UseCase, rows: Rows) -> BandedModel:
    return fit_classes(kiosks, request.param, model_inputs(kiosks), rows)


def test_an_entity_of_another_size_is_as_near_to_an_edge_of_another_size(model: BandedModel, rows: Rows) -> None:
    low, high = model.inner
    larger = rows.x.copy()
    larger[AMOUNTS] = np.expm1(np.log1p(rows.x[AMOUNTS]) + np.log1p(high) - np.log1p(low))
    # Outliers are pulled in wherever the edge is.
    usual = (rows.x["best_day"].rank(pct=True) > 0.05) & (larger["best_day"] < rows.x["best_day"].quantile(0.99))
    below, above = model.thresholds
    off = above.predict_proba(larger[usual])[:, 1] - below.predict_proba(rows.x[usual])[:, 1]
    assert len(off) > 300
    # The last digit of a logarithm may lie on the other side of a tree's cut.
    assert (np.abs(off) < 1e-9).mean() > 0.99
    assert below[-1] is above[-1]


def test_it_knows_what_a_trend_says(model: BandedModel, rows: Rows) -> None:
    asked = class_probabilities_of(model, rows.x)
    again = rows.known_edges.codes(rows.x["last_month"].to_numpy())
    assert (asked.argmax(axis=1) == rows.y).mean() > (again == rows.y).mean() + 0.05
    # The lower answer is hardly ever raised, for the higher edge is further away.
    answers = np.column_stack([one.predict_proba(rows.x)[:, 1] for one in model.thresholds])
    assert (answers[:, 0] >= answers[:, 1] - 1e-9).mean() > 0.95


def test_reasons_add_up_and_the_stored_model_is_the_same(
    tmp_path: Path, kiosks: UseCase, model: BandedModel, rows: Rows
) -> None:
    inputs = model_inputs(kiosks)
    made = compiled(model, inputs)
    columns = {item.name: rows.x[item.name].tolist() for item in inputs}
    told = 1 / (1 + np.exp(-made.base - made.contributions(columns).sum(axis=1)))
    assert told == pytest.approx(probabilities(model, rows.x), abs=1e-9)
    write_model(model, tmp_path / "model.skops")
    again = read_model(tmp_path / "model.skops")
    assert isinstance(again, BandedModel)
    assert np.array_equal(class_probabilities_of(again, rows.x), class_probabilities_of(model, rows.x))


def test_amounts_are_logarithms_in_the_unit_of_the_label(kiosks: UseCase) -> None:
    assert amounts(kiosks, model_inputs(kiosks)) == set(AMOUNTS)


def test_rows_teach_about_the_edges_and_about_others_around_the_last_value() -> None:
    found = asked_edges(np.array([10.0, 20.0]), np.array([0.0, 5000.0]))
    assert np.array_equal(found[:, :2], np.tile(np.log1p([10.0, 20.0]), (2, 1)))
    assert found.min() == 0
    away = found[1, 2:] - np.log1p(5000.0)
    assert (np.sort(away) == away).all()
    assert -0.8 <= away[0] <= -0.4
    assert 0.4 <= away[-1] <= 0.8


def test_without_the_last_value_each_edge_has_its_own(kiosks: UseCase, rows: Rows) -> None:
    inputs = model_inputs(kiosks, without=["last_month"])
    found = fit_classes(kiosks, "logistic_regression", inputs, rows.restricted(inputs))
    assert found.thresholds[0][-1] is not found.thresholds[1][-1]
