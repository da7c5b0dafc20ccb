"""What the gate asks."""

import numpy as np
import pandas as pd
import pytest

from leadmill.errors import NotEnoughData
from leadmill.registry import rules
from leadmill.registry.dataset import check_enough, fingerprint
from leadmill.spec import UseCase, load_use_case
from leadmill.training.data import Rows
from leadmill.training.metrics import Predictions
from leadmill.training.results import Estimate, Holdout


@pytest.fixture
def use_case() -> UseCase:
    return load_use_case("x_education")


def rows(positives: int, size: int) -> Rows:
    y = np.r_[np.ones(positives), np.zeros(size - positives)].astype(np.int64)
    return Rows(pd.DataFrame(index=range(size)), y, np.ones(size), np.arange(size))


def held(**metrics: tuple[float, float, float]) -> Holdout:
    return Holdout("random_forest", 0.4, {name: Estimate(*figures) for name, figures in metrics.items()})


@pytest.mark.parametrize(
    ("positives", "size", "holds"), [(24, 200, True), (23, 200, False), (24, 199, False), (300, 300, False)]
)
def test_holdout_must_be_large_enough_to_judge(use_case: UseCase, positives: int, size: int, holds: bool) -> None:
    assert rules.enough_to_judge(use_case, rows(positives, size)).holds is holds


def test_ranking_must_be_surely_better_than_the_positive_rate() -> None:
    assert rules.ranks_better_than_chance(rows(40, 100), held(pr_auc=(0.5, 0.41, 0.6))).holds
    assert not rules.ranks_better_than_chance(rows(40, 100), held(pr_auc=(0.5, 0.39, 0.6))).holds
    assert not rules.ranks_better_than_chance(rows(40, 100), held(pr_auc=(float("nan"),) * 3)).holds


def test_ranking_is_judged_by_the_roc_auc_where_the_spec_chooses_by_it() -> None:
    # Nine in ten are positive: of the PR AUC there is next to nothing to win.
    for low, holds in ((0.51, True), (0.49, False)):
        figures = held(pr_auc=(0.95, 0.88, 0.99), roc_auc=(0.7, low, 0.8))
        assert rules.ranks_better_than_chance(rows(90, 100), figures, "roc_auc").holds is holds


def test_log_loss_must_beat_the_base_rate() -> None:
    base = -(0.4 * np.log(0.4) + 0.6 * np.log(0.6))
    for loss, holds in ((base - 0.01, True), (base + 0.01, False)):
        found = rules.knows_more_than_base_rate(rows(40, 100), rows(40, 100), held(log_loss=(loss, loss, loss)))
        assert found.holds is holds
        assert found.figures["base_rate_log_loss"] == pytest.approx(base)


def test_a_challenger_as_good_passes_and_a_worse_one_does_not(use_case: UseCase) -> None:
    holdout = rows(400, 1000)
    random = np.random.default_rng(1)
    good = np.clip(0.25 + 0.4 * holdout.y + random.normal(0, 0.15, 1000), 0, 1)
    worse = np.clip(good + random.normal(0, 0.2, 1000), 0, 1)
    assert rules.not_worse_than_champion(use_case, holdout, "1", said(holdout, good), said(holdout, good)).holds
    refused = rules.not_worse_than_champion(use_case, holdout, "1", said(holdout, worse), said(holdout, good))
    assert not refused.holds
    assert refused.figures["gain"]["high"] < 0


def said(holdout: Rows, probability: np.ndarray) -> Predictions:
    return Predictions(holdout.y, probability, holdout.base_rate)


def test_too_few_rows_or_positives_are_not_trained_on(use_case: UseCase) -> None:
    with pytest.raises(NotEnoughData, match=r"999 training rows.*gate\.min_rows"):
        check_enough(use_case, pd.DataFrame({"label": [1] * 999}))
    with pytest.raises(NotEnoughData, match=r"119 positive rows.*gate\.min_positives"):
        check_enough(use_case, pd.DataFrame({"label": [1] * 119 + [0] * 900}))


def test_fingerprint_knows_values_and_not_order() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
    assert fingerprint(frame) == fingerprint(frame.iloc[::-1])
    assert fingerprint(frame) != fingerprint(frame.assign(a=[1, 2, 4]))
    assert fingerprint(frame) != fingerprint(frame.rename(columns={"a": "c"}))


def spread(size: int, seed: int = 2) -> tuple[Rows, np.ndarray]:
    """Rows whose outcomes are drawn with the probabilities beside them."""
    random = np.random.default_rng(seed)
    probability = random.beta(1, 3, size)
    y = (random.random(size) < probability).astype(np.int64)
    return Rows(pd.DataFrame(index=range(size)), y, np.ones(size), np.arange(size)), probability


def test_probabilities_that_are_true_are_calibrated_and_others_are_refused(use_case: UseCase) -> None:
    holdout, true = spread(4000)
    assert rules.calibrated(use_case, holdout, true).holds
    too_high = rules.calibrated(use_case, holdout, np.clip(true + 0.09, 0, 1))
    assert not too_high.holds
    assert too_high.figures["gaps"]["all"]["low"] > 0.05
    # Right over all, and far too sure of itself at both ends.
    extreme = rules.calibrated(use_case, holdout, np.where(true > np.quantile(true, 0.8), true + 0.2, true - 0.05))
    assert not extreme.holds
    assert "in fifth 5 of 5 by probability" in extreme.sentence


def test_a_small_holdout_is_not_refused_for_its_noise(use_case: UseCase) -> None:
    for seed in range(5):
        holdout, true = spread(200, seed)
        assert rules.calibrated(use_case, holdout, true).holds


def test_a_slice_that_loses_is_found_though_the_whole_is_level(use_case: UseCase) -> None:
    holdout, true = spread(4000)
    origin = np.where(np.arange(4000) % 5 == 0, "chat", "api")
    noisy = np.where(origin == "chat", np.random.default_rng(3).permutation(true), true)
    slices = {"lead_origin": origin.tolist()}
    assert rules.no_slice_much_worse(use_case, slices, holdout, said(holdout, true), said(holdout, true)).holds
    found = rules.no_slice_much_worse(use_case, slices, holdout, said(holdout, noisy), said(holdout, true))
    assert not found.holds
    assert "lead_origin=chat" in found.sentence
    assert "lead_origin=api" not in found.sentence
    few = {"lead_origin": ["rare" if at < 50 else "api" for at in range(4000)]}
    judged = rules.no_slice_much_worse(use_case, few, holdout, said(holdout, noisy), said(holdout, true))
    assert list(judged.figures["slices"]) == ["lead_origin=api"]
