"""Our vectorised figures against scikit-learn's, and the bootstrap around them."""

import numpy as np
import pytest
from sklearn import metrics as sk

from leadmill.training.bootstrap import difference, intervals
from leadmill.training.metrics import METRICS, Predictions, point


def sample(size: int = 400, ties: bool = True) -> tuple[Predictions, np.ndarray]:
    random = np.random.default_rng(5)
    probability = random.random(size)
    y = (random.random(size) < probability).astype(np.int64)
    if ties:
        probability = np.round(probability, 1)
    return Predictions(y, probability, 0.4), random.choice([0.25, 0.5, 1.0], size)


@pytest.mark.parametrize("ties", [True, False])
def test_figures_are_those_of_scikit_learn(ties: bool) -> None:
    predictions, weight = sample(ties=ties)
    y, p, flagged = predictions.y, predictions.probability, predictions.probability >= 0.4
    expected = {
        "roc_auc": sk.roc_auc_score(y, p, sample_weight=weight),
        "pr_auc": sk.average_precision_score(y, p, sample_weight=weight),
        "brier": sk.brier_score_loss(y, p, sample_weight=weight),
        "f1": sk.f1_score(y, flagged, sample_weight=weight),
        "precision": sk.precision_score(y, flagged, sample_weight=weight),
        "recall": sk.recall_score(y, flagged, sample_weight=weight),
        "mcc": sk.matthews_corrcoef(y, flagged, sample_weight=weight),
    }
    if not ties:
        expected["log_loss"] = sk.log_loss(y, p, sample_weight=weight)
    found = point(predictions, weight)
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert set(found) == set(METRICS)


def test_lift_is_the_top_tenths_rate_over_the_overall_rate() -> None:
    y = np.array([1] * 8 + [0] * 2 + [1] * 12 + [0] * 78)
    predictions = Predictions(y, np.linspace(1, 0, 100), 0.5)
    assert point(predictions, np.ones(100))["lift_at_10"] == pytest.approx(0.8 / 0.2)


def test_lift_of_ties_is_what_a_random_order_gives() -> None:
    predictions = Predictions(np.array([1] * 20 + [0] * 80), np.full(100, 0.2), 0.5)
    assert point(predictions, np.ones(100))["lift_at_10"] == pytest.approx(1.0)


def test_one_class_has_no_ranking_figure_and_nobody_flagged_no_precision() -> None:
    found = point(Predictions(np.ones(4, dtype=np.int64), np.full(4, 0.1), 0.5), np.ones(4))
    assert np.isnan(found["roc_auc"])
    assert (found["precision"], found["recall"], found["f1"], found["mcc"]) == (0, 0, 0, 0)


def test_a_resample_is_the_same_as_its_rows_repeated() -> None:
    predictions, weight = sample(60)
    counts = np.random.default_rng(2).integers(0, 4, 60).astype(float)
    rows = np.repeat(np.arange(60), counts.astype(int))
    repeated = Predictions(predictions.y[rows], predictions.probability[rows], 0.4)
    once = predictions.figures((counts * weight)[np.newaxis])
    assert {name: once[name][0] for name in METRICS} == pytest.approx(point(repeated, weight[rows]))


def test_intervals_are_seeded_and_hold_the_value() -> None:
    predictions, weight = sample()
    groups = np.arange(400)
    found = intervals(predictions, weight, groups)
    assert found == intervals(predictions, weight, groups)
    assert all(item.low < item.value < item.high for item in found.values())


def test_repeated_rows_of_one_entity_do_not_narrow_the_interval() -> None:
    predictions, weight = sample(200)
    twice = Predictions(np.tile(predictions.y, 4), np.tile(predictions.probability, 4), 0.4)
    by_entity = intervals(twice, np.tile(weight, 4), np.tile(np.arange(200), 4))["brier"]
    by_row = intervals(twice, np.tile(weight, 4), np.arange(800))["brier"]
    assert by_entity.high - by_entity.low > 1.5 * (by_row.high - by_row.low)


def test_difference_of_a_model_with_itself_is_nothing() -> None:
    predictions, weight = sample()
    found = difference("pr_auc", predictions, predictions, weight, np.arange(400))
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_difference_points_the_way_the_metric_does() -> None:
    predictions, weight = sample()
    worse = Predictions(predictions.y, np.full(400, 0.5), 0.4)
    for metric in ("pr_auc", "log_loss"):
        assert difference(metric, worse, predictions, weight, np.arange(400)).high < 0
