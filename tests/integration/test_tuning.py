"""A tuning that is killed goes on where it was; what it finds is what the next training uses and names."""

import logging
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from added_support import forget
from scoring_support import X_EDUCATION, execute, only
from sklearn.linear_model import LogisticRegression
from support import Row, query, run_etl, x_education
from typer.testing import CliRunner

from leadmill import cli, settings
from leadmill.demo.generator import generate, write_csv
from leadmill.demo.loader import load_file
from leadmill.registry import parameters, studies
from leadmill.registry.begin import begin_training
from leadmill.registry.catalog import run_page, show_model
from leadmill.registry.evaluate import evaluate
from leadmill.registry.fit import fit
from leadmill.registry.provenance import training_data
from leadmill.registry.tune import Tuning, tune
from leadmill.spec import UseCase
from leadmill.storage.database import use_case_lock
from leadmill.training.candidates import BUILDERS

pytestmark = [
    pytest.mark.slow,
    # Raised inside Feast and MLflow, not ours to mend.
    pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]

CANDIDATE, TRIALS = "additive_scorecard", 8


@pytest.fixture(scope="module")
def small(postgres: dict[str, str]) -> Iterator[UseCase]:
    """X Education with 500 leads and one candidate."""
    forget(*X_EDUCATION)
    use_case = only(x_education(), CANDIDATE)
    few = use_case.gate.model_copy(update={"min_rows": 300, "min_positives": 60})
    use_case = use_case.model_copy(update={"gate": few})
    with tempfile.TemporaryDirectory() as folder:
        load_file(use_case, write_csv(generate(rows=500), Path(folder) / "leads.csv"))
    run_etl(use_case)
    yield use_case
    forget(*X_EDUCATION)


@dataclass
class Whole:
    """A study in one go: first cut short by its time, then with enough of it."""

    short: Tuning
    done: Tuning
    rows: list[Row]


@pytest.fixture(scope="module")
def whole(small: UseCase) -> Whole:
    forget_studies()
    short = tuned(small, "short", trials=50, minutes=0.001)
    assert query("SELECT ended_by, trials, minutes, metric FROM ops.studies") == [
        {"ended_by": "minutes", "trials": 50, "minutes": 0.001, "metric": "pr_auc"}
    ]
    return Whole(short, tuned(small, "more"), trials())


def forget_studies() -> None:
    execute("TRUNCATE ops.studies CASCADE; DROP SCHEMA optuna CASCADE; CREATE SCHEMA optuna")


def trials() -> list[Row]:
    """Of the rows for people."""
    return query("SELECT * FROM ops.trials ORDER BY number")


def tried(rows: list[Row]) -> list[Any]:
    """What a study tried and found, without the time that it took."""
    return [(row["number"], row["state"], row["params"], row["value"], row["folds"]) for row in rows]


def tuned(use_case: UseCase, run_id: str, **bounds: float) -> Tuning:
    return tune(use_case, run_id, "a test", **{"trials": TRIALS, **bounds})


def _child(environment: dict[str, str], use_case: UseCase) -> None:
    os.environ.clear()
    settings.apply(environment)
    tuned(use_case, "killed")


def said(*arguments: str) -> str:
    """What a model command prints, in lines of any length."""
    done = CliRunner().invoke(cli.app, ["model", *arguments])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def killed_in_a_fold(use_case: UseCase) -> Row:
    """Kill -9 in the middle of a trial after the second; its row as it was left."""
    process = multiprocessing.get_context("spawn").Process(target=_child, args=(dict(os.environ), use_case))
    process.start()
    assert process.pid
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.is_alive():
        # Stopped, it cannot come to an end between the look and the kill.
        os.kill(process.pid, signal.SIGSTOP)
        left = [row for row in trials()[2:] if row["state"] == "running" and row["folds"]]
        if left:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            assert process.exitcode == -signal.SIGKILL
            return left[0]
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.03)
    raise AssertionError(f"it was never in the middle of a trial; exit code {process.exitcode}")


def test_a_study_is_bounded_and_pruned_and_never_sees_the_holdout(whole: Whole) -> None:
    assert (whole.short.ended_by, whole.short.trials) == ("minutes", 1)
    assert (whole.done.study, whole.done.ended_by, whole.done.trials) == (whole.short.study, "trials", TRIALS)
    assert [row["number"] for row in whole.rows] == list(range(TRIALS))
    assert whole.rows[0]["params"] == {"C": 0.5, "bins": 8}
    cut = [row for row in whole.rows if row["state"] == "pruned"]
    assert cut
    assert all(2 <= len(row["folds"]) < 5 and row["value"] is None for row in cut)
    assert all(len(row["folds"]) == 5 for row in whole.rows if row["state"] == "complete")
    assert whole.done.rows == 400


def test_a_killed_study_goes_on_where_it_was(small: UseCase, whole: Whole) -> None:
    forget_studies()
    left = killed_in_a_fold(small)
    assert query("SELECT run_id, ended_at FROM ops.studies") == [{"run_id": "killed", "ended_at": None}]
    assert [row["number"] for row in trials()] == list(range(left["number"] + 1))
    # As if it had died before it wrote the row for people of a trial that the study knows as done.
    execute("UPDATE ops.trials SET state = 'running', value = NULL, folds = '[]' WHERE number = 1")
    done = tuned(small, "afterwards")
    rows = trials()
    assert (done.ended_by, done.trials) == ("trials", TRIALS)
    resumed = rows[left["number"]]
    assert (resumed["run_id"], resumed["params"]) == ("afterwards", left["params"])
    assert resumed["folds"][: len(left["folds"])] == left["folds"]
    assert query("SELECT number, state::text FROM optuna.trials ORDER BY number") == [
        {"number": row["number"], "state": row["state"].upper()} for row in rows
    ]
    # No trial lost, none twice, none otherwise than in one go.
    assert tried(rows) == tried(whole.rows)


def test_a_second_tuning_waits_for_the_first(small: UseCase, caplog: pytest.LogCaptureFixture) -> None:
    forget_studies()
    found: list[Tuning] = []
    second = threading.Thread(target=lambda: found.append(tuned(small, "second", trials=2)))
    with caplog.at_level(logging.WARNING), use_case_lock(f"{small.name}/tune"):
        second.start()
        deadline = time.monotonic() + 30
        while "this one waits" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "Another tuning of 'x_education' is under way: this one waits for its end" in caplog.text
        assert query("SELECT 1 FROM ops.studies") == []
    second.join(60)
    assert [one.trials for one in found] == [2]


def test_what_last_month_left_unfinished_is_closed_when_a_new_month_begins(small: UseCase) -> None:
    forget_studies()
    studies.opened(small, "cut off", "a test", studies.Bounds(TRIALS, 1))
    execute("UPDATE ops.studies SET month = '2024-12', study = '2024-12/x/y'")
    before = query("SELECT * FROM ops.studies")
    tuned(small, "new month", trials=1)
    old, new = query("SELECT * FROM ops.studies ORDER BY month")
    assert (old["study"], old["ended_by"], old["ended_at"]) == ("2024-12/x/y", "month", new["begun_at"])
    assert before == [{**old, "ended_by": None, "ended_at": None}]
    assert new["ended_by"] == "trials"
    # The very run that was cut off goes on with its own.
    again = studies.opened(small, "cut off", "a test", studies.Bounds(TRIALS, 1))
    assert again.name == "2024-12/x/y"
    assert [row["ended_by"] for row in query("SELECT ended_by FROM ops.studies ORDER BY month")] == [None, "trials"]


def test_a_trial_whose_process_died_before_it_had_parameters_is_not_lost(small: UseCase, whole: Whole) -> None:
    forget_studies()
    study = studies.Open(tuned(small, "first", trials=2).study, "", "")
    with studies.storage() as tables:
        assert studies.study_of(small, study, CANDIDATE, tables).ask().number == 2
    assert tuned(small, "second", trials=4).trials == 4
    assert tried(trials()) == tried(whole.rows[:4])


def test_what_was_found_is_used_and_named_and_can_be_dropped(small: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_studies()
    small = small.model_copy(update={"model": small.model.model_copy(update={"metric": "log_loss"})})
    # Defaults that are easy to beat.
    monkeypatch.setitem(BUILDERS, CANDIDATE, lambda: LogisticRegression(C=0.001, max_iter=1000))
    done = tuned(small, "month")
    assert done.found[0].better
    assert done.changed == (CANDIDATE,)
    in_use = parameters.in_force(small.name)[CANDIDATE]
    assert in_use.params == done.found[0].params
    row = parameters.choices(small.name)[0]
    assert (row.study, row.trial, row.actor) == (done.study, done.found[0].trial, "month")
    assert row.figures["value"] < row.figures["defaults"]
    assert str(tuned(small, "month again")).endswith("the parameters stay")

    run_id = begin_training(small, "train-tuned", "a test")
    crossed = fit(small, run_id)[0]
    assert crossed.metrics["log_loss"].mean == pytest.approx(done.found[0].value, abs=1e-9)
    assert f"{CANDIDATE} *" in said("params", small.name)
    assert f"Back to the defaults: {CANDIDATE}." in said("params", small.name, "--reset", "--reason", "too fine")
    row = parameters.choices(small.name)[0]
    assert (row.params, row.reason, row.study) == ({}, "too fine", None)
    assert row.actor.endswith("(command line)")
    assert parameters.in_force(small.name) == {}
    # What a run began with stays its own.
    assert fit(small, run_id)[0] == crossed
    version = evaluate(small, run_id).version
    found = {"params": in_use.params, "study": done.study, "trial": done.found[0].trial}
    assert show_model(small, version).model.parameters == found
    assert f"(study {done.study}, trial {in_use.trial})" in said("show", small.name, version)
    source = f"trial {in_use.trial} of the study {done.study}"
    # What every decision about the version keeps.
    assert training_data(run_id)["parameters"] == source
    page = run_page(run_id)
    assert page.params[f"{CANDIDATE} parameters"] == source
    assert float(page.params[f"{CANDIDATE}.C"]) == in_use.params["C"]

    plain = begin_training(small, "train-plain", "a test")
    fit(small, plain)
    assert run_page(plain).params[f"{CANDIDATE} parameters"] == "the defaults"
