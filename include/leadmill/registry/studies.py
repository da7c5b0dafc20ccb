"""Studies of parameters: in Optuna's tables for the search, in ``ops.studies`` and ``ops.trials`` for people."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import make_url, text

from leadmill import settings
from leadmill.clock import source_now
from leadmill.registry import store
from leadmill.registry.begin import begin_training
from leadmill.spec import UseCase
from leadmill.storage.database import engine, use_case_lock
from leadmill.training.metrics import LOWER_IS_BETTER
from leadmill.training.tuning import PRUNER, done, run_of

_STATES = {
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True)
class Bounds:
    """What ends a study: so many trials of each candidate, so many minutes of work; both count what was done before."""

    trials: int
    minutes: float


@dataclass(frozen=True)
class Open:
    """A study under way: its name, and the MLflow run that holds its rows."""

    name: str
    mlflow_run_id: str
    data_fingerprint: str


def opened(use_case: UseCase, run_id: str, reason: str, bounds: Bounds) -> Open:
    """The study that this run works on.

    That of this very run, or one of this month and spec that was cut off, on the rows that it began with; else a new
    one on the rows of now, unless they and the month are those of the last: then that one goes on up to ``bounds``.
    What an earlier month left unfinished ends by that (``ended_by`` month): nobody goes on with it.
    Raises what ``begin_training`` raises: nothing is tuned on what may not be trained on.
    """
    now = source_now(use_case)
    month = f"{now:%Y-%m}"
    found = _cut_off(use_case, run_id, month)
    if found is None:
        mlflow_run = begin_training(use_case, f"tune/{run_id}", reason)
        fingerprint = store.tag(mlflow_run, "fingerprint") or ""
        found = Open(f"{month}/{use_case.version}/{fingerprint[:12]}", mlflow_run, fingerprint)
    with engine().begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ops.studies (use_case, study, month, spec_version, data_fingerprint, mlflow_run_id, "
                "metric, trials, minutes, run_id, reason, begun_at) VALUES (:name, :study, :month, :spec, "
                ":fingerprint, :mlflow, :metric, :trials, :minutes, :run, :reason, :now) "
                "ON CONFLICT (use_case, study) DO UPDATE SET "
                "mlflow_run_id = excluded.mlflow_run_id, trials = excluded.trials, minutes = excluded.minutes, "
                "run_id = excluded.run_id, reason = excluded.reason, ended_at = NULL, ended_by = NULL"
            ),
            {
                "name": use_case.name,
                "study": found.name,
                "month": month,
                "spec": use_case.version,
                "fingerprint": found.data_fingerprint,
                "mlflow": found.mlflow_run_id,
                "metric": use_case.model.metric,
                "trials": bounds.trials,
                "minutes": bounds.minutes,
                "run": run_id,
                "reason": reason,
                "now": now,
            },
        )
        connection.execute(
            text(
                "UPDATE ops.studies SET ended_at = :now, ended_by = 'month' "
                "WHERE use_case = :name AND ended_at IS NULL AND month < :month AND study <> :study"
            ),
            {"now": now, "name": use_case.name, "month": month, "study": found.name},
        )
    return found


def _cut_off(use_case: UseCase, run_id: str, month: str) -> Open | None:
    statement = (
        "SELECT study, mlflow_run_id, data_fingerprint FROM ops.studies WHERE use_case = :name "
        "AND spec_version = :spec AND (run_id = :run OR (ended_at IS NULL AND month = :month)) "
        "ORDER BY run_id = :run DESC, begun_at DESC LIMIT 1"
    )
    values = {"name": use_case.name, "run": run_id, "month": month, "spec": use_case.version}
    with engine().connect() as connection:
        row = connection.execute(text(statement), values).one_or_none()
    return None if row is None else Open(row.study, row.mlflow_run_id, row.data_fingerprint)


def close(use_case: UseCase, study: Open, ended_by: str) -> None:
    """The study has ended, by trials or by minutes."""
    statement = "UPDATE ops.studies SET ended_at = :now, ended_by = :by WHERE use_case = :name AND study = :study"
    values = {"now": source_now(use_case), "by": ended_by, "name": use_case.name, "study": study.name}
    with engine().begin() as connection:
        connection.execute(text(statement), values)


@contextmanager
def storage() -> Iterator[RDBStorage]:
    """Optuna's tables, made on first use: in a schema of their own, for its alembic_version is called like others'."""
    # Every step is told in our own words.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = make_url(settings.current().database_url).set(drivername="postgresql+psycopg2")
    url = url.update_query_dict({"options": "-csearch_path=optuna"})
    with use_case_lock("/optuna"):
        found = RDBStorage(url.render_as_string(hide_password=False), engine_kwargs={"pool_pre_ping": True})
    try:
        yield found
    finally:
        found.engine.dispose()


def study_of(use_case: UseCase, study: Open, candidate: str, tables: RDBStorage) -> optuna.Study:
    """The candidate's part of the study, made where absent."""
    return optuna.create_study(
        study_name=f"{use_case.name}/{candidate}/{study.name}",
        direction="minimize" if use_case.model.metric in LOWER_IS_BETTER else "maximize",
        storage=tables,
        pruner=PRUNER,
        load_if_exists=True,
    )


def show_trial(use_case: UseCase, study: Open, candidate: str, trial: FrozenTrial) -> None:
    """The row of ``ops.trials`` as the trial is now; one that nobody has begun to judge has none."""
    so_far, run_id = done(trial), run_of(trial)
    if run_id is None:
        return
    with engine().begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ops.trials (use_case, study, candidate, number, state, params, value, folds, seconds, "
                "run_id) VALUES (:name, :study, :candidate, :number, :state, CAST(:params AS jsonb), :value, "
                "CAST(:folds AS jsonb), :seconds, :run) ON CONFLICT (use_case, study, candidate, number) DO UPDATE SET "
                "state = excluded.state, params = excluded.params, value = excluded.value, folds = excluded.folds, "
                "seconds = excluded.seconds, run_id = excluded.run_id"
            ),
            {
                "name": use_case.name,
                "study": study.name,
                "candidate": candidate,
                "number": trial.number,
                "state": _STATES[trial.state],
                "params": json.dumps(trial.params),
                "value": trial.value if trial.state == TrialState.COMPLETE else None,
                "folds": json.dumps(so_far.folds),
                "seconds": so_far.seconds,
                "run": run_id,
            },
        )
