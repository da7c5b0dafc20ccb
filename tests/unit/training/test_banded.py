"""Bands of a number: where they lie, how they are predicted, and the value within them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from files_support import idle_use_case
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, log_loss

from leadmill.errors import NotTrainable
from leadmill.registry.trusted import read_model, write_model
from leadmill.spec import UseCase
from leadmill.training.answers import answered
from leadmill.training.banded import BandedModel, class_probabilities, scored_model
from leadmill.training.banded_metrics import BandPredictions
from leadmill.training.compiled import compiled
from leadmill.training.cross_validation import cross_validate
from leadmill.training.data import Rows, rows_of
from leadmill.training.edges import Edges, learned_edges
from leadmill.training.fit_banded import fit_banded, fit_classes, margins
from leadmill.training.holdout import judge
from leadmill.training.importance import coefficients, permutation_importance
from leadmill.training.inputs import model_inputs
from leadmill.training.leakage.cases import cases_of
from leadmill.training.leakage.scan import _deciding
from leadmill.training.metrics import point
from leadmill.training.naive import naive_figures
from leadmill.training.predict import class_probabilities_of, probabilities, values_of
from leadmill.training.split import temporal_holdout

CLASSES = ("micro", "small", "large")
SPEC = """
name: stalls
title: Stalls
task: multiclass
classes: [micro, small, large]
entity: {name: buyer, key: buyer_id, key_type: string}
source: {connection: warehouse, relations: [market.sales], watermark: recorded_at, history: events}
as_of: [30d]
label: {name: sold, unit: euro, horizon: 30d, aggregate: sum, last: last_month, seasonal: a_year_ago}
features:
  last_month: {type: float, impute: none, fill: 0}
  a_year_ago: {type: float, impute: constant, fill: 0}
  trend: {type: float, impute: none, fill: 0}
  place: {type: category, impute: unknown}
model: {candidates: [logistic_regression, hist_gradient_boosting], metric: log_loss}
score: {population: all, bands: {A: 0.2, B: 1.0}}
"""


@pytest.fixture(scope="module")
def stalls(tmp_path_factory: pytest.TempPathFactory) -> UseCase:
    """What a market's stalls will sell in the month to come."""
    return idle_use_case(tmp_path_factory.mktemp("use_cases"), SPEC)


@pytest.fixture(scope="module")
def sales() -> pd.DataFrame:
    """Six months of 450 stalls: what they sell follows a trend that a feature knows, and chance."""
    random = np.random.default_rng(5)
    stalls, months = 450, 6
    size = random.normal(7, 1, stalls)
    frames = []
    for month in range(months):
        trend = random.normal(0, 0.5, stalls)
        before = np.exp(size + random.normal(0, 0.15, stalls))
        frames.append(
            pd.DataFrame(
                {
                    "buyer_id": [f"s{number:03d}" for number in range(stalls)],
                    "as_of": pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(days=40 * month),
                    "label": np.exp(size + trend + random.normal(0, 0.2, stalls)),
                    "weight": 1 / months,
                    "last_month": before,
                    "a_year_ago": np.where(random.random(stalls) < 0.5, 0.0, before * 1.3),
                    "trend": trend,
                    "place": random.choice(["gate", "corner"], stalls),
                }
            )
        )
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(a_year_ago_missing=frame["a_year_ago"] == 0)


@pytest.fixture(scope="module")
def parts(stalls: UseCase, sales: pd.DataFrame) -> tuple[Rows, Rows, pd.DataFrame]:
    split = temporal_holdout(stalls, sales)
    taught, held = sales.iloc[split.train], sales.iloc[split.holdout]
    edges = learned_edges(stalls, taught["label"].to_numpy(), taught["weight"].to_numpy())
    rows = rows_of(stalls, sales, model_inputs(stalls), edges)
    return rows.take(split.train), rows.take(split.holdout), held


@pytest.fixture(scope="module")
def model(stalls: UseCase, parts: tuple[Rows, Rows, pd.DataFrame]) -> BandedModel:
    return fit_banded(stalls, "hist_gradient_boosting", model_inputs(stalls), parts[0])


def test_bands_hold_equal_shares_and_equal_labels_stay_together(stalls: UseCase) -> None:
    values = np.random.default_rng(1).lognormal(8, 2, 3000)
    edges = learned_edges(stalls, values, np.ones(3000))
    assert np.bincount(edges.codes(values)).tolist() == [1000, 1000, 1000]
    assert (edges.lower, edges.upper) == (0.0, 1.5 * values.max())
    heavy = learned_edges(stalls, np.arange(6.0), np.array([4.0, 1, 1, 1, 1, 4]))
    assert heavy.codes(np.arange(6.0)).tolist() == [0, 1, 1, 1, 1, 2]
    mostly_nothing = np.r_[np.zeros(50), np.arange(1.0, 51)]
    assert learned_edges(stalls, mostly_nothing, np.ones(100)).inner[0] == 0.5
    with pytest.raises(NotTrainable, match="2 different ones"):
        learned_edges(stalls, np.r_[np.zeros(50), np.ones(50)], np.ones(100))
    assert learned_edges(stalls, np.arange(-9.0, 9), np.ones(18)).lower == -13.5


def test_entities_that_judge_teach_nothing(stalls: UseCase, sales: pd.DataFrame) -> None:
    split = temporal_holdout(stalls, sales)
    judges = set(sales["buyer_id"].iloc[split.holdout])
    assert 100 < len(judges) < 200
    assert not judges & set(sales["buyer_id"].iloc[split.train])
    assert (sales["as_of"].iloc[split.holdout] >= split.begins).all()
    assert (sales["as_of"].iloc[split.train] + stalls.label.matures_after < split.begins).all()


def test_bands_and_values_beat_saying_it_again(
    stalls: UseCase, model: BandedModel, parts: tuple[Rows, Rows, pd.DataFrame]
) -> None:
    train, holdout, held = parts
    found = judge("any", model, train, holdout).metrics
    naive = naive_figures(stalls, held, train.known_edges)
    assert set(naive) == {"last_again", "seasonal_naive"}
    assert found["macro_f1"].value > naive["last_again"]["macro_f1"] + 0.05
    assert found["wape"].value < min(one["wape"] for one in naive.values())
    assert 0.7 < found["coverage"].value < 0.9
    assert found["calibration_error"].value < 0.12
    assert found["roc_auc"].value > 0.9


def test_every_value_lies_in_its_band_and_probabilities_sum_to_one(
    model: BandedModel, parts: tuple[Rows, Rows, pd.DataFrame]
) -> None:
    holdout = parts[1]
    asked = class_probabilities_of(model, holdout.x)
    assert asked.min() >= 0
    assert asked.sum(axis=1) == pytest.approx(np.ones(len(holdout)))
    assert np.array_equal(asked[:, -1], probabilities(model, holdout.x))
    values = values_of(model, holdout.x, asked)
    assert np.array_equal(model.edges.codes(values[:, 0]), np.argmax(asked, axis=1))
    assert (values[:, 1] <= values[:, 0]).all()
    assert (values[:, 0] <= values[:, 2]).all()
    alone = values_of(model, holdout.x.iloc[[3]], asked[[3]])
    assert np.array_equal(alone[0], values[3])


def test_a_value_is_pulled_into_its_band_from_wherever_it_lies() -> None:
    edges = Edges(CLASSES, (10.0, 20.0), 0.0, 60.0)
    pulled = edges.clipped(np.array([99.0, 3.0, 99.0, -5.0]), np.array([0, 1, 2, 0]))
    assert edges.codes(pulled).tolist() == [0, 1, 2, 0]
    assert pulled[1:].tolist() == [10.0, 60.0, 0.0]


def test_the_stored_model_is_the_same(
    tmp_path: Path, stalls: UseCase, model: BandedModel, parts: tuple[Rows, Rows, pd.DataFrame]
) -> None:
    write_model(model, tmp_path / "model.skops")
    again, x = read_model(tmp_path / "model.skops"), parts[1].x
    assert isinstance(again, BandedModel)
    assert (again.classes, again.edges) == (model.classes, model.edges)
    asked = class_probabilities_of(again, x)
    assert np.array_equal(asked, class_probabilities_of(model, x))
    assert np.array_equal(values_of(again, x, asked), values_of(model, x, asked))


def test_reasons_and_coefficients_are_those_of_the_last_class(
    stalls: UseCase, model: BandedModel, parts: tuple[Rows, Rows, pd.DataFrame]
) -> None:
    train, holdout, _ = parts
    inputs = model_inputs(stalls)
    made = compiled(model, inputs)
    columns = {item.name: holdout.x[item.name].tolist() for item in inputs}
    told = 1 / (1 + np.exp(-made.base - made.contributions(columns).sum(axis=1)))
    assert told == pytest.approx(probabilities(model, holdout.x), abs=1e-9)
    assert coefficients(model, inputs, train) == coefficients(scored_model(model), inputs, train)
    found = permutation_importance(model, inputs, holdout, "log_loss", 0.5)
    assert {one.feature for one in found[:2]} <= {"last_month", "trend", "a_year_ago"}


def test_figures_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(3)
    y, weight = random.integers(0, 4, 500), random.random(500)
    asked = random.dirichlet(np.ones(4), 500)
    found = point(BandPredictions(y, asked), weight)
    codes = asked.argmax(axis=1)
    assert found["macro_f1"] == pytest.approx(f1_score(y, codes, average="macro", sample_weight=weight))
    assert found["accuracy"] == pytest.approx(accuracy_score(y, codes, sample_weight=weight))
    kappa = cohen_kappa_score(y, codes, weights="quadratic", sample_weight=weight)
    assert found["weighted_kappa"] == pytest.approx(kappa)
    assert found["log_loss"] == pytest.approx(log_loss(y, asked, sample_weight=weight))
    assert "wape" not in found


def test_values_are_measured_by_weight() -> None:
    predicted = np.array([[9.0, 5, 12], [30, 25, 35]])
    judged = BandPredictions(np.array([0, 1]), np.eye(2), np.array([10.0, 20.0]), predicted)
    found = point(judged, np.array([3.0, 1.0]))
    assert (found["wape"], found["coverage"]) == (pytest.approx(13 / 50), 0.75)


def test_margins_hold_four_fifths_of_the_weight_by_band() -> None:
    random = np.random.default_rng(2)
    codes = np.repeat([0, 1], [4000, 10])
    off = np.r_[random.normal(0, 1, 4000), np.full(10, 50.0)]
    found = margins(codes, off, np.ones(4010), 3)
    assert found[0] == pytest.approx([-1.28, 1.28], abs=0.08)
    # Too few of the second band, none of the third: all together serve.
    assert found[1].tolist() == found[2].tolist() == pytest.approx([-1.28, 1.28], abs=0.08)


def test_a_higher_band_is_never_more_probable_than_all_from_a_lower_one_on() -> None:
    found = class_probabilities(np.array([[0.2, 0.6, 0.1]]))
    assert found.tolist() == [pytest.approx([0.4, 0.0, 0.5, 0.1])]


def test_a_model_of_other_bands_is_asked_about_these(
    stalls: UseCase, model: BandedModel, parts: tuple[Rows, Rows, pd.DataFrame]
) -> None:
    holdout = parts[1]
    moved = Edges(CLASSES, tuple(edge * 1.1 for edge in model.inner), model.lower, model.upper)
    other = replace(holdout, y=moved.codes(holdout.value), edges=moved)
    asked = answered(model, other, 0.5)
    assert isinstance(asked, BandPredictions)
    assert asked.probability.sum(axis=1) == pytest.approx(np.ones(len(holdout)))
    assert (asked.probability[:, 0] >= class_probabilities_of(model, holdout.x)[:, 0] - 1e-12).all()
    ours, translated = (point(one, holdout.weight)["log_loss"] for one in (answered(model, holdout, 0.5), asked))
    assert translated < ours + 0.08


def test_folds_judge_classes_alone(stalls: UseCase, parts: tuple[Rows, Rows, pd.DataFrame]) -> None:
    found = cross_validate(stalls, "logistic_regression", parts[0])
    assert {"log_loss", "macro_f1", "weighted_kappa"} <= set(found.metrics)
    assert "wape" not in found.metrics
    classes = fit_classes(stalls, "logistic_regression", model_inputs(stalls), parts[0])
    assert len(classes.thresholds) == 2
    assert not len(classes.values)


def test_a_feature_that_knows_the_sum_is_a_leak_and_last_month_is_none(stalls: UseCase, sales: pd.DataFrame) -> None:
    assert _deciding(stalls, cases_of(stalls, sales)) == []
    random = np.random.default_rng(1)
    leaking = sales.assign(a_year_ago=sales["label"] * random.normal(1, 0.02, len(sales)), a_year_ago_missing=False)
    assert [one.feature for one in _deciding(stalls, cases_of(stalls, leaking))] == ["a_year_ago"]
