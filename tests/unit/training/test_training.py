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

CANDIDATES = ("logistic_regression", "random_forest", "hist_gradient_boosting")


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


def test_the_best_is_chosen_by_the_metric_and_ties_go_to_the_simpler(shop: UseCase) -> None:
    simple, complex_ = crossed("logistic_regression", pr_auc=0.8), crossed("random_forest", pr_auc=0.8)
    assert best_candidate(shop, [simple, complex_]) == "logistic_regression"
    by_loss = shop.model_copy(update={"model": shop.model.model_copy(update={"metric": "log_loss"})})
    assert best_candidate(by_loss, [crossed("a", log_loss=0.4), crossed("b", log_loss=0.3)]) == "b"


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


def test_only_a_linear_model_has_coefficients(shop: UseCase, parts: tuple[Rows, Rows]) -> None:
    inputs = model_inputs(shop)
    assert coefficients(fit_candidate("random_forest", inputs, parts[0]), inputs, parts[0]) == []
