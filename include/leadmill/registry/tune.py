"""The one task of a tuning: the search, and what it changes."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import optuna

from leadmill.clock import source_now
from leadmill.registry import parameters, store, studies
from leadmill.registry.dataset import training_set
from leadmill.registry.parameters import Choice, Tuned
from leadmill.registry.studies import Bounds, Open
from leadmill.spec import UseCase
from leadmill.storage.database import use_case_lock
from leadmill.training.data import Rows
from leadmill.training.tuning import Found, done, found, run_trial, searched_defaults

log = logging.getLogger(__name__)
_SCHEDULED = "scheduled"


@dataclass(frozen=True)
class Tuning:
    """What a tuning did: what it found of each candidate, and whose parameters it changed."""

    study: str
    rows: int
    trials: int
    minutes: float
    ended_by: str
    found: tuple[Found, ...]
    changed: tuple[str, ...]

    def __str__(self) -> str:
        changed = f"new parameters for {', '.join(self.changed)}" if self.changed else "the parameters stay"
        ended = "every trial made" if self.ended_by == "trials" else "its time is over"
        return f"study {self.study}: {self.trials} trials, {self.minutes:.1f} minutes, {ended}; {changed}"


def tune(
    use_case: UseCase, run_id: str, reason: str | None = None, trials: int | None = None, minutes: float | None = None
) -> Tuning:
    """Search better parameters for the spec's candidates on the training part of today's frame, never on its holdout.

    ``trials`` (of each candidate) and ``minutes`` (of work, over all) are the spec's where not given, and end the
    search, whichever comes first; a trial that is under way then is finished. Killed and run again it goes on where it
    was. One tuning of a use case at a time: another waits here. Raises what ``begin_training`` raises.
    """
    bounds = Bounds(trials or use_case.tune.trials, minutes or use_case.tune.minutes)
    waits = partial(log.warning, "Another tuning of '%s' is under way: this one waits for its end", use_case.name)
    with use_case_lock(f"{use_case.name}/tune", waits), studies.storage() as tables:
        study = studies.opened(use_case, run_id, reason or _SCHEDULED, bounds)
        return _search(use_case, study.mlflow_run_id, study, run_id, bounds, tables)


@store.ends_failed
def _search(
    use_case: UseCase, mlflow_run: str, study: Open, run_id: str, bounds: Bounds, tables: optuna.storages.RDBStorage
) -> Tuning:
    rows = training_set(use_case, mlflow_run).train
    candidates: tuple[str, ...] = use_case.tune.candidates or use_case.model.candidates
    parts = {name: studies.study_of(use_case, study, name, tables) for name in candidates}
    in_force = parameters.in_force(use_case.name)
    for name, part in parts.items():
        _begin(use_case, study, name, part, in_force.get(name))
    log.info("Study %s: %d rows, by %s", study.name, len(rows), use_case.model.metric)
    ended_by = "trials"
    for name in _turns(parts, bounds):
        if _minutes(parts) >= bounds.minutes:
            ended_by = "minutes"
            break
        said = _one_trial(use_case, study, name, parts, rows, run_id)
        log.info("%s; %.1f of %g minutes, %d trials of each", said, _minutes(parts), bounds.minutes, bounds.trials)
    results = [one for name, part in parts.items() if (one := found(name, part, use_case.model.metric))]
    decided = list(_decisions(use_case, study, run_id, results))
    parameters.record(use_case, decided)
    studies.close(use_case, study, ended_by)
    store.set_tags(mlflow_run, study=study.name, tuned=", ".join(one.candidate for one in decided) or "nothing")
    store.client().set_terminated(mlflow_run)
    made = sum(one.trials for one in results)
    changed = tuple(one.candidate for one in decided)
    return Tuning(study.name, len(rows), made, _minutes(parts), ended_by, tuple(results), changed)


def _begin(use_case: UseCase, study: Open, candidate: str, part: optuna.Study, tuned: Tuned | None) -> None:
    """The defaults come first, then what is in force; of what a dead process did, the rows for people are made good."""
    defaults = searched_defaults(candidate, use_case.model.edges == "together")
    part.enqueue_trial(defaults, skip_if_exists=True)
    if tuned and set(tuned.params) == set(defaults):
        part.enqueue_trial(tuned.params, skip_if_exists=True)
    for trial in part.get_trials(deepcopy=False):
        studies.show_trial(use_case, study, candidate, trial)


def _turns(parts: Mapping[str, optuna.Study], bounds: Bounds) -> Iterator[str]:
    """The candidates in turn, so that time which runs out is missed by all of them, until each has its trials."""
    while left := [name for name, part in parts.items() if _made(part) < bounds.trials]:
        yield from left


def _made(part: optuna.Study) -> int:
    return sum(trial.state.is_finished() for trial in part.get_trials(deepcopy=False))


def _minutes(parts: Mapping[str, optuna.Study]) -> float:
    return sum(done(trial).seconds for part in parts.values() for trial in part.get_trials(deepcopy=False)) / 60


def _one_trial(
    use_case: UseCase, study: Open, candidate: str, parts: Mapping[str, optuna.Study], rows: Rows, run_id: str
) -> str:
    """Make a trial; what came of it, in a sentence."""
    show = partial(studies.show_trial, use_case, study, candidate)
    trial = run_trial(use_case, candidate, rows, parts[candidate], run_id, show)
    show(trial)
    so_far = found(candidate, parts[candidate], use_case.model.metric)
    value = f"{trial.value:.4f}" if trial.state == optuna.trial.TrialState.COMPLETE else trial.state.name.lower()
    best = f"best {so_far.value:.4f} (trial {so_far.trial}), defaults {so_far.defaults:.4f}" if so_far else "none yet"
    return f"{candidate}, trial {trial.number}: {value}, {best}; {done(trial).seconds:.1f} s"


def _decisions(use_case: UseCase, study: Open, run_id: str, results: Sequence[Found]) -> Iterator[Choice]:
    """What is to be used instead of what is in force, candidate by candidate; nothing where that is the same."""
    in_force, now = parameters.in_force(use_case.name), source_now(use_case)
    for one in results:
        before = in_force.get(one.candidate, Tuned())
        wanted = one.params if one.better else {}
        if wanted == before.params:
            continue
        reason = (
            f"better than the defaults by {one.gain:.4f} on the same folds, with a standard error of {one.error:.4f}"
            if one.better
            else "no trial is surely better than the defaults"
        )
        figures = {name: value for name, value in asdict(one).items() if name not in ("candidate", "params")}
        yield Choice(
            candidate=one.candidate,
            params=wanted,
            study=study.name,
            trial=one.trial if one.better else 0,
            figures={"metric": use_case.model.metric, **figures},
            data_fingerprint=study.data_fingerprint,
            actor=run_id,
            reason=reason,
            decided_at=now,
        )
