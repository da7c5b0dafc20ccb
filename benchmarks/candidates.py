"""The candidates beside each other, with their defaults and tuned, on X Education and on simulated leads.

    .venv/bin/python benchmarks/candidates.py [--data Leads.csv] [--leads 20000] [--trials 20] [--minutes 30]

For each data set a server of its own, one ETL window and its training frame; the newest 20 % are held out as in a
training. Printed per candidate: the mean and standard deviation over the five grouped folds of the other rows, the PR
AUC and ROC AUC on the held-out rows with 95 % intervals (entities are drawn), the seconds of a fit, and for the tuned
parameters by how much they are better than the defaults on the held-out rows, paired. The search sees the folds only:
its fold figures are those of the best of many, the held-out ones are not. Without ``--data`` X Education is the made-up
file. CatBoost takes part where it is installed: it is no part of the lock (``uv pip install -e '.[catboost]'``).
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import numpy as np
import optuna
from optuna.trial import BaseTrial
from sklearn.base import BaseEstimator, ClassifierMixin

from leadmill.demo import crm
from leadmill.demo.generator import generate, write_csv
from leadmill.demo.loader import load_file
from leadmill.local.testing import throw_away_server
from leadmill.orchestration.stages import STAGES
from leadmill.spec import UseCase, load_use_case
from leadmill.training.bootstrap import difference, intervals
from leadmill.training.candidates import BUILDERS, SEED, Parameters
from leadmill.training.cross_validation import cross_validate
from leadmill.training.data import Rows, rows_of
from leadmill.training.fitting import fit_candidate
from leadmill.training.inputs import model_inputs
from leadmill.training.metrics import Predictions
from leadmill.training.predict import probabilities
from leadmill.training.results import Estimate
from leadmill.training.split import temporal_holdout
from leadmill.training.tuning import PRUNER, SPACES, done, found, run_trial, searched_defaults

ETL = ("extract", "check_raw", "impute_encode", "check_features", "publish")
CATBOOST = "catboost"
HOW_TO = "CatBoost is not installed and left out; uv pip install -e '.[catboost]' adds it to the environment."


class CatBoost(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """CatBoost behind the same encoding and calibration as the other candidates, on one thread."""

    def __init__(
        self,
        iterations: int = 200,
        learning_rate: float = 0.08,
        depth: int = 6,
        l2_leaf_reg: float = 3.0,
        class_weight: None = None,
    ) -> None:
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.depth = depth
        self.l2_leaf_reg = l2_leaf_reg
        self.class_weight = class_weight

    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Self:
        from catboost import CatBoostClassifier

        given = {name: value for name, value in self.get_params().items() if name != "class_weight"}
        quiet = {"verbose": False, "allow_writing_files": False, "thread_count": 1, "random_seed": SEED}
        self.model_ = CatBoostClassifier(**given, **quiet).fit(x, y, sample_weight=sample_weight)
        self.classes_ = np.unique(y)
        return self

    def predict(self, x: Any) -> Any:
        return self.classes_[self.predict_proba(x).argmax(axis=1)]

    def predict_proba(self, x: Any) -> Any:
        return self.model_.predict_proba(x)


def catboost_space(trial: BaseTrial) -> dict[str, Any]:
    return {
        "iterations": trial.suggest_int("iterations", 50, 400, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.3, log=True),
        "depth": trial.suggest_int("depth", 3, 8),
        "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 0.5, 30, log=True),
    }


@dataclass(frozen=True)
class Line:
    """One line of the table; ``ahead`` is by how much the tuned parameters are better on the held-out rows."""

    candidate: str
    how: str
    folds: dict[str, str]
    newest: dict[str, Estimate]
    seconds: float
    ahead: Estimate | None = None
    parameters: Parameters = field(default_factory=dict)


def rows_for(use_case: UseCase) -> tuple[Rows, Rows]:
    """The rows that teach and those held out, of a server whose warehouse is filled."""
    from leadmill.features.history import training_frame

    for name in ETL:
        sys.stderr.write(f"{name}: {STAGES[name](use_case, f'benchmark/{name}')[:150]}\n")
    frame = training_frame(use_case)
    split = temporal_holdout(use_case, frame)
    rows = rows_of(use_case, frame, model_inputs(use_case))
    return rows.take(split.train), rows.take(split.holdout)


def lines(use_case: UseCase, train: Rows, held: Rows, trials: int, minutes: float) -> Iterator[Line]:
    """Every candidate with its defaults and, where a search finds better ones, tuned."""
    plain = use_case.model.model_copy(update={"variants": {}})
    use_case = use_case.model_copy(update={"model": plain})
    for candidate in BUILDERS:
        defaults, before = line(use_case, candidate, "defaults", train, held, {})
        yield defaults
        best = searched(use_case, candidate, train, trials, minutes)
        if best == searched_defaults(candidate):
            continue
        tuned, after = line(use_case, candidate, "tuned", train, held, best)
        ahead = difference(use_case.model.metric, after, before, held.weight, held.groups)
        yield Line(**{**vars(tuned), "ahead": ahead})


def line(
    use_case: UseCase, candidate: str, how: str, train: Rows, held: Rows, parameters: Parameters
) -> tuple[Line, Predictions]:
    crossed = cross_validate(use_case, candidate, train, parameters).metrics
    began = time.monotonic()
    model = fit_candidate(candidate, model_inputs(use_case), train, use_case.model.class_weights, parameters)
    seconds = time.monotonic() - began
    predictions = Predictions(held.y, probabilities(model, held.x), train.base_rate)
    folds = {name: f"{crossed[name].mean:.3f} +- {crossed[name].std:.3f}" for name in ("pr_auc", "roc_auc", "brier")}
    newest = intervals(predictions, held.weight, held.groups)
    return Line(candidate, how, folds, newest, seconds, parameters=parameters), predictions


def searched(use_case: UseCase, candidate: str, train: Rows, trials: int, minutes: float) -> Parameters:
    """The best parameters of so many trials, or of those that ``minutes`` were enough for."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", pruner=PRUNER)
    study.enqueue_trial(searched_defaults(candidate))
    for _ in range(trials):
        run_trial(use_case, candidate, train, study, "benchmark", lambda _: None)
        if sum(done(trial).seconds for trial in study.trials) > minutes * 60:
            break
    best = found(candidate, study, use_case.model.metric)
    assert best is not None
    sys.stderr.write(f"{candidate}: {best}\n")
    return best.params


def measure(name: str, data: Path | None, leads: int, trials: int, minutes: float) -> None:
    if find_spec(CATBOOST):
        BUILDERS[CATBOOST], SPACES[CATBOOST] = CatBoost, catboost_space
    use_case = load_use_case(name)
    with throw_away_server("candidates"), tempfile.TemporaryDirectory() as folder:
        if name == "leads":
            crm.load(leads, 365, SEED)
        else:
            load_file(use_case, data or write_csv(generate(), Path(folder) / "leads.csv"))
        train, held = rows_for(use_case)
        of = "simulated" if name == "leads" else data.name if data else "the made-up file"
        sys.stdout.write(
            f"\n{name} ({of}): {len(train):,} rows teach, {len(held):,} newest held out; "
            f"tuned by {use_case.model.metric} in at most {trials} trials\n\n"
            "| candidate | parameters | PR AUC, folds | ROC AUC, folds | Brier, folds | PR AUC, newest | "
            "ROC AUC, newest | tuned better by, newest | s a fit |\n|---|---|---|---|---|---|---|---|---|\n"
        )
        for one in lines(use_case, train, held, trials, minutes):
            newest = (shown(one.newest[metric]) for metric in ("pr_auc", "roc_auc"))
            cells = [one.candidate, one.how, *one.folds.values(), *newest]
            cells += [shown(one.ahead, "+") if one.ahead else "", f"{one.seconds:.1f}"]
            sys.stdout.write(f"| {' | '.join(cells)} |\n")
            sys.stdout.flush()


def shown(estimate: Estimate, sign: str = "") -> str:
    return f"{estimate.value:{sign}.3f} ({estimate.low:{sign}.3f} to {estimate.high:{sign}.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the real X Education file")
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=30, help="of search, for each candidate")
    parser.add_argument("--only", choices=["x_education", "leads"])
    given = parser.parse_args()
    if not find_spec(CATBOOST):
        sys.stdout.write(f"{HOW_TO}\n")
    for name in [given.only] if given.only else ["x_education", "leads"]:
        # Feast's store is kept per process, and each server has its own.
        arguments = (name, given.data, given.leads, given.trials, given.minutes)
        process = multiprocessing.get_context("spawn").Process(target=measure, args=arguments)
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(process.exitcode)


if __name__ == "__main__":
    main()
