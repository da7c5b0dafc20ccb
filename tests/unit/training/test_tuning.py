"""The search space of every candidate, and a search in it."""

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import FixedTrial

from leadmill.spec import UseCase
from leadmill.training.candidates import BINNED, BINS, BUILDERS
from leadmill.training.data import Rows, rows_of
from leadmill.training.fitting import fit_candidate
from leadmill.training.inputs import model_inputs
from leadmill.training.predict import probabilities
from leadmill.training.split import temporal_holdout
from leadmill.training.tuning import PRUNER, SPACES, found, run_trial, searched_defaults


@pytest.fixture(scope="module")
def train(shop: UseCase, buyers: pd.DataFrame) -> Rows:
    return rows_of(shop, buyers, model_inputs(shop)).take(temporal_holdout(shop, buyers).train)


def test_every_candidate_is_searched_and_its_defaults_lie_in_its_space() -> None:
    assert set(SPACES) == set(BUILDERS)
    for candidate in SPACES:
        # A value outside its range would warn, and a warning is an error here.
        defaults = searched_defaults(candidate)
        assert SPACES[candidate](FixedTrial(defaults)) == defaults
        assert {name for name in defaults if name != BINS} <= set(BUILDERS[candidate]().get_params())
        assert (BINS in defaults) == (candidate in BINNED)


@pytest.mark.parametrize("candidate", list(SPACES))
def test_both_ends_of_every_parameter_are_accepted(shop: UseCase, train: Rows, candidate: str) -> None:
    few = train.take(np.arange(200))
    asked = optuna.create_study().ask()
    SPACES[candidate](asked)
    for name, kind in asked.distributions.items():
        ends = kind.choices if isinstance(kind, optuna.distributions.CategoricalDistribution) else (kind.low, kind.high)
        for value in ends:
            model = fit_candidate(candidate, model_inputs(shop), few, parameters={name: value})
            assert 0 <= probabilities(model, few.x).min() <= probabilities(model, few.x).max() <= 1


def test_the_best_of_the_space_beats_the_defaults_surely_and_the_worst_are_cut_short(
    shop: UseCase, train: Rows
) -> None:
    candidate = "additive_scorecard"
    study = optuna.create_study(direction="maximize", pruner=PRUNER)
    study.enqueue_trial(searched_defaults(candidate))
    assert found(candidate, study, "pr_auc") is None
    seen = []
    trials = [run_trial(shop, candidate, train, study, "run", lambda trial: seen.append(trial.state)) for _ in range(8)]
    best = found(candidate, study, "pr_auc")
    assert best is not None
    assert best.better
    assert (best.trials, best.value) == (8, max(one.value for one in trials if one.state.name == "COMPLETE"))
    assert best.gain == pytest.approx(best.value - best.defaults)
    assert 0 < best.pruned < 5
    assert {state.name for state in seen} == {"RUNNING"}
