"""Candidates fitted, calibrated, compared and explained."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from leadmill.spec import UseCase
from leadmill.training.cross_validation import best_candidate, cross_validate, leak_alarm
from leadmill.training.data import Rows, rows_of
from leadmill.training.fitting import fit_candidate
from leadmill.training.holdout import judge
from leadmill.training.importance import coefficients, permutation_importance
from leadmill.training.inputs import model_inputs
from leadmill.training.predict import probabilities
from leadmill.training.results import CrossValidation, Folds
from leadmill.training.split import temporal_holdout

CANDIDATES = ("logistic_regression", "additive_scorecard", "random_forest", "hist_gradient_boosting")


@pytest.fixture(scope="module")
def parts(shop: UseCase, buyers: pd.DataFrame) -> tuple[Rows, Rows]:
    split = temporal_holdout(shop, buyers)
    rows = rows_of(shop, buyers, model_inputs(shop))
    return rows.take(split.train), rows.take(split.holdout)


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_candidates_learn_are_calibrated_and_repeat_themselves(
    shop: UseCase, parts: tuple[Rows, Rows], candidate: str
) -> None:
    train, holdout = parts
    inputs = model_inputs(shop)
    model = fit_candidate(candidate, inputs, train)
    found = judge(candidate, model, train, holdout)
    assert found.metrics["roc_auc"].value > 0.75
    assert found.threshold == pytest.approx(train.y.mean())
    assert abs(probabilities(model, holdout.x).mean() - holdout.y.mean()) < 0.1
    alone = np.concatenate([probabilities(model, holdout.x.iloc[[row]]) for row in range(5)])
    assert np.array_equal(alone, probabilities(model, holdout.x)[:5])
    again = fit_candidate(candidate, inputs, train)
    assert np.array_equal(probabilities(model, holdout.x), probabilities(again, holdout.x))


def test_weights_reach_the_classifier(shop: UseCase, parts: tuple[Rows, Rows]) -> None:
    train, holdout = parts
    heavy = replace(train, weight=np.where(train.y == 1, 5.0, 1.0))
    plain, weighted = (
        probabilities(fit_candidate("logistic_regression", model_inputs(shop), rows), holdout.x).mean()
        for rows in (train, heavy)
    )
    assert weighted > plain + 0.1


def test_the_stored_model_holds_no_row_numbers(shop: UseCase, parts: tuple[Rows, Rows]) -> None:
    model = fit_candidate("logistic_regression", model_inputs(shop), parts[0])
    assert model.named_steps["classify"].cv is None


def test_variants_are_judged_beside_the_whole(shop: UseCase, parts: tuple[Rows, Rows]) -> None:
    found = cross_validate(shop, "logistic_regression", parts[0])
    assert set(found.variants) == {"blind"}
    assert found.metrics["roc_auc"].mean > found.variants["blind"]["roc_auc"].mean + 0.02


def test_noise_cross_validates_to_chance(shop: UseCase, buyers: pd.DataFrame) -> None:
    shuffled = buyers.assign(label=buyers["label"].sample(frac=1, random_state=9).to_numpy())
    rows = rows_of(shop, shuffled, model_inputs(shop))
    assert abs(cross_validate(shop, "hist_gradient_boosting", rows).metrics["roc_auc"].mean - 0.5) < 0.08


def crossed(candidate: str, **means: float) -> CrossValidation:
    return CrossValidation(candidate, {name: Folds(mean, 0.01) for name, mean in means.items()})


def choosing(use_case: UseCase, **changes: object) -> UseCase:
    return use_case.model_copy(update={"model": use_case.model.model_copy(update=changes)})


def test_the_best_is_chosen_by_the_metric_and_ties_go_to_the_simpler(shop: UseCase) -> None:
    best = choosing(shop, choice="best")
    simple, complex_ = crossed("logistic_regression", pr_auc=0.8), crossed("random_forest", pr_auc=0.8)
    assert best_candidate(best, [simple, complex_]) == "logistic_regression"
    by_loss = choosing(best, metric="log_loss")
    assert best_candidate(by_loss, [crossed("a", log_loss=0.4), crossed("b", log_loss=0.399)]) == "b"


@pytest.mark.parametrize(("means", "chosen"), [((0.796, 0.8), 0), ((0.794, 0.8), 1), ((0.794, 0.797, 0.8), 1)])
def test_the_simplest_within_a_standard_error_of_the_best_is_chosen(
    shop: UseCase, means: tuple[float, ...], chosen: int
) -> None:
    found = [crossed(str(number), pr_auc=mean) for number, mean in enumerate(means)]
    assert best_candidate(shop, found) == str(chosen)
    by_loss = [crossed(str(number), log_loss=1 - mean) for number, mean in enumerate(means)]
    assert best_candidate(choosing(shop, metric="log_loss"), by_loss) == str(chosen)


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_balanced_classes_leave_the_probabilities_at_the_true_share(
    shop: UseCase, parts: tuple[Rows, Rows], candidate: str
) -> None:
    train, holdout = parts
    model = fit_candidate(candidate, model_inputs(shop), train, "balanced")
    assert judge(candidate, model, train, holdout).metrics["roc_auc"].value > 0.75
    assert abs(probabilities(model, train.x).mean() - train.y.mean()) < 0.06
    assert model.named_steps["classify"].estimator.class_weight == "balanced"


def test_rows_of_a_rebalanced_source_are_brought_back_to_the_true_share(shop: UseCase) -> None:
    random = np.random.default_rng(4)
    visits = random.poisson(4, 60_000)
    y = (random.random(60_000) < 1 / (1 + np.exp(-(1.2 * visits - 11)))).astype(int)
    kept = (y == 1) | (random.random(60_000) < 0.05)
    everyone = pd.DataFrame(
        {"buyer_id": np.arange(60_000).astype(str), "label": y, "weight": 1.0, "visits": visits, "speed": 1.0,
         "interest": 0, "channel": "mail", "wants_mail": False}
        | {f"{name}_missing": False for name in ("visits", "speed", "interest", "wants_mail")}
    )  # fmt: skip
    prior = float(y.mean())
    known = choosing(shop, prior=prior)
    rows = rows_of(known, everyone[kept], model_inputs(known))
    assert rows.base_rate == pytest.approx(prior)
    assert rows.oversampled == pytest.approx(20, rel=0.05)
    model = fit_candidate("logistic_regression", model_inputs(known), rows)
    given = probabilities(model, rows_of(shop, everyone, model_inputs(shop)).x)
    assert given.mean() == pytest.approx(prior, rel=0.1)
    true = 1 / (1 + np.exp(-(1.2 * visits - 11)))
    assert np.abs(given - true)[visits < 8].max() < 0.02


def test_too_good_to_be_true_is_an_alarm(shop: UseCase) -> None:
    assert leak_alarm(shop, [crossed("random_forest", roc_auc=0.969)]) is None
    assert leak_alarm(shop, [crossed("random_forest", roc_auc=0.97)]) is not None
    alarm = leak_alarm(shop, [crossed("random_forest", roc_auc=0.985)])
    assert alarm is not None
    assert "0.985" in alarm


def test_importance_finds_what_decides_and_folds_flags_in(shop: UseCase, parts: tuple[Rows, Rows]) -> None:
    train, holdout = parts
    inputs = model_inputs(shop)
    model = fit_candidate("logistic_regression", inputs, train)
    features = [item.feature for item in permutation_importance(model, inputs, holdout, "pr_auc", 0.4)]
    assert features[0] == "visits"
    assert sorted(features) == ["channel", "interest", "speed", "visits", "wants_mail"]
    strengths = coefficients(model, inputs, train)
    assert [item.feature for item in strengths[:2]] == ["visits", "channel"]
    assert set(strengths[0].terms) == {"visits", "visits_missing"}
    assert set(strengths[1].terms) == {"channel=mail", "channel=partner", "channel=search"}


def test_the_scorecard_is_a_sum_over_columns(shop: UseCase, parts: tuple[Rows, Rows]) -> None:
    train, holdout = parts
    inputs = model_inputs(shop)
    model = fit_candidate("additive_scorecard", inputs, train)
    strengths = coefficients(model, inputs, train)
    assert [item.feature for item in strengths[:2]] == ["visits", "channel"]
    assert {"visits", "visits=0.0", "visits=1.0", "visits_missing"} <= set(strengths[0].terms)
    encoded = model.named_steps["preprocess"].transform(holdout.x)
    calibrated = model.named_steps["classify"].calibrated_classifiers_[0]
    log_odds = encoded @ calibrated.estimator.coef_[0] + calibrated.estimator.intercept_[0]
    sigmoid = calibrated.calibrators[0]
    by_hand = 1 / (1 + np.exp(sigmoid.a_ * log_odds + sigmoid.b_))
    assert np.allclose(by_hand, probabilities(model, holdout.x), atol=1e-12)


def test_only_a_linear_model_has_coefficients(shop: UseCase, parts: tuple[Rows, Rows]) -> None:
    inputs = model_inputs(shop)
    assert coefficients(fit_candidate("random_forest", inputs, parts[0]), inputs, parts[0]) == []
