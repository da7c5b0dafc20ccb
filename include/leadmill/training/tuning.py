"""The search for better parameters: what is searched, and one trial on the folds of the training rows."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna import Study
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.trial import BaseTrial, FixedTrial, FrozenTrial, Trial, TrialState

from leadmill.spec import UseCase
from leadmill.training.candidates import BINS, SEED, Parameters, default_parameters
from leadmill.training.cross_validation import Fold, fold_figures
from leadmill.training.data import Rows
from leadmill.training.inputs import model_inputs
from leadmill.training.metrics import better_by
from leadmill.training.split import grouped_folds

Suggested = dict[str, Any]
# Attributes of a trial in the study: the metric of each fold so far with the seconds they took, and who ran it.
_DONE, _RUN = "done", "run"


def _linear(trial: BaseTrial) -> Suggested:
    return {"C": trial.suggest_float("C", 0.001, 10, log=True)}


def _scorecard(trial: BaseTrial) -> Suggested:
    return {**_linear(trial), BINS: trial.suggest_int(BINS, 3, 16)}


def _forest(trial: BaseTrial) -> Suggested:
    # More trees never judge worse, only later, so their number is no question for a search.
    return {
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 60, log=True),
        "max_features": trial.suggest_categorical("max_features", ["sqrt", 0.1, 0.3, 0.6, 1.0]),
    }


def _boosting(trial: BaseTrial) -> Suggested:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.3, log=True),
        "max_iter": trial.suggest_int("max_iter", 30, 300, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 3, 48, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, 150, log=True),
        "max_features": trial.suggest_float("max_features", 0.2, 1.0),
        "l2_regularization": trial.suggest_float("l2_regularization", 0.001, 30, log=True),
    }


SPACES: dict[str, Callable[[BaseTrial], Suggested]] = {
    "logistic_regression": _linear,
    "additive_scorecard": _scorecard,
    "random_forest": _forest,
    "hist_gradient_boosting": _boosting,
}
# In standard errors of a mean over five folds (Student's t: by chance alone, one trial in seventeen is that far ahead).
SURELY = 2.0
# So many whole trials come before any is cut short, and so many folds of each.
PRUNER = MedianPruner(n_startup_trials=4, n_warmup_steps=1)


def searched_defaults(candidate: str, together: bool = False) -> Suggested:
    """The candidate's own values of the parameters that are searched; ``together`` as in ``default_parameters``."""
    return SPACES[candidate](FixedTrial(default_parameters(candidate, together)))


@dataclass(frozen=True)
class Done:
    """How far a trial is: the metric in each fold so far, and the seconds of their fits."""

    folds: tuple[float, ...] = ()
    seconds: float = 0.0


def done(trial: FrozenTrial) -> Done:
    """What the study knows of the trial's folds."""
    folds, seconds = trial.user_attrs.get(_DONE, ([], 0.0))
    return Done(tuple(folds), seconds)


def run_of(trial: FrozenTrial) -> str | None:
    """The run that worked on the trial last; None where none has begun it."""
    return trial.user_attrs.get(_RUN)


def next_trial(study: Study) -> Trial:
    """The trial that a dead process left running, at its number and with its parameters; else one that waits, or a new.

    Only for who works on the study alone. The sampler's chance follows from the trial's number, so a study that was
    cut off and resumed tries what it would have tried in one go.
    """
    trials = study.get_trials(deepcopy=False)
    left = [one for one in trials if one.state == TrialState.RUNNING]
    begun = [*left, *(one for one in trials if one.state == TrialState.WAITING)]
    number = begun[0].number if begun else len(trials)
    study.sampler = TPESampler(seed=SEED + number, n_startup_trials=8)
    # What Study.ask does for a new one. A trial that has its parameters is not asked for others.
    return Trial(study, left[0]._trial_id) if left else study.ask()


def run_trial(
    use_case: UseCase, candidate: str, rows: Rows, study: Study, run_id: str, after_fold: Callable[[FrozenTrial], None]
) -> FrozenTrial:
    """The next trial, finished: complete or pruned. ``after_fold`` gets it at its start and after each fold.

    Judged is the mean of the spec's metric over the grouped folds of ``rows``; folds that a dead process judged are
    not judged again. Trial 0 is never pruned; the others are compared by what they are better than it on the same
    folds, so a fold that is easy for all of them counts for nobody.
    """
    trial = next_trial(study)
    parameters = SPACES[candidate](trial)
    trial.set_user_attr(_RUN, run_id)
    begun = _frozen(study, trial)
    after_fold(begun)
    so_far, defaults = done(begun), study.get_trials(deepcopy=False)[0]
    folds = grouped_folds(rows.y, rows.groups)
    for step, fold in enumerate(folds):
        if step == len(so_far.folds):
            so_far = _one_more(use_case, candidate, rows, fold, parameters, so_far)
            trial.set_user_attr(_DONE, (so_far.folds, so_far.seconds))
        if step not in begun.intermediate_values:
            reference = done(defaults).folds if trial.number else so_far.folds
            trial.report(float(np.mean(np.subtract(so_far.folds[: step + 1], reference[: step + 1]))), step)
        after_fold(_frozen(study, trial))
        if step + 1 < len(folds) and trial.should_prune():
            return study.tell(trial, state=TrialState.PRUNED)
    return study.tell(trial, float(np.mean(so_far.folds)))


def _one_more(use_case: UseCase, candidate: str, rows: Rows, fold: Fold, parameters: Parameters, so_far: Done) -> Done:
    began = time.monotonic()
    figures = fold_figures(use_case, candidate, model_inputs(use_case), rows, fold, parameters)
    return Done((*so_far.folds, figures[use_case.model.metric]), so_far.seconds + time.monotonic() - began)


def _frozen(study: Study, trial: Trial) -> FrozenTrial:
    return study.get_trials(deepcopy=False)[trial.number]


@dataclass(frozen=True)
class Found:
    """The best trial of a candidate beside its defaults (trial 0): the metric's mean over the same folds.

    ``gain`` is by how much the best is better, the mean over the folds, and ``error`` that mean's standard error.
    """

    candidate: str
    trial: int
    params: Suggested
    value: float
    defaults: float
    gain: float
    error: float
    trials: int
    pruned: int

    @property
    def better(self) -> bool:
        """Better than the defaults by more than SURELY standard errors: less may be chance among so many trials."""
        return self.gain > SURELY * self.error


def found(candidate: str, study: Study, metric: str) -> Found | None:
    """What the study has found; None before its first trial is complete."""
    trials = study.get_trials(deepcopy=False)
    complete = [one for one in trials if one.state == TrialState.COMPLETE]
    if not complete or trials[0].state != TrialState.COMPLETE:
        return None
    best = study.best_trial
    ahead = better_by(metric, np.array(done(best).folds), np.array(done(trials[0]).folds))
    return Found(
        candidate=candidate,
        trial=best.number,
        params=best.params,
        value=float(np.mean(done(best).folds)),
        defaults=float(np.mean(done(trials[0]).folds)),
        gain=float(ahead.mean()),
        error=float(ahead.std(ddof=1) / np.sqrt(len(ahead))),
        trials=sum(one.state.is_finished() for one in trials),
        pruned=sum(one.state == TrialState.PRUNED for one in trials),
    )
