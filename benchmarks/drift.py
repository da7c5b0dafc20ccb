"""How much of the ROC AUC that drift costs a champion the retraining wins back, over several seeds.

    .venv/bin/python benchmarks/drift.py [--leads 6000] [--days 150] [--seeds 7 8 9] [--candidates logistic_regression]

The story of tests/e2e/test_story.py, stage by stage without Airflow. Each seed gets a server of its own: the simulated
CRM, a first champion, a quiet week, then 7, 28 and 25 days of drift with scores and a look after each. At the end drift
must have made a training due; it is run, and the two versions are compared with the oracle on the drifted leads whose
labels nobody knew by then.
"""

import argparse
import contextlib
import multiprocessing
import sys
from dataclasses import dataclass

from leadmill.clock import source_now
from leadmill.demo import crm
from leadmill.demo.drifted import WonBack, won_back
from leadmill.local.testing import throw_away_server
from leadmill.orchestration.stages import STAGES
from leadmill.spec import Retrain, UseCase, load_use_case

ETL = ("extract", "check_raw", "impute_encode", "check_features", "publish", "materialize")
QUIET, DRIFTED = 7, (7, 28, 25)


@dataclass(frozen=True)
class Seed:
    """What a seed came to; ``verdict`` is that on the challenger, with what it learned from."""

    seed: int
    verdict: str
    candidate: str
    found: WonBack


def run_seed(seed: int, leads: int, days: int, candidates: tuple[str, ...]) -> Seed:
    """Everything from an empty server to the comparison."""
    from leadmill.monitoring.retraining import training_due
    from leadmill.registry import ledger

    with throw_away_server("drift"):
        use_case = trained_by_drift(load_use_case("leads"), candidates)
        crm.load(leads, days, seed)
        stages(use_case, "loaded", *ETL, "train", "score", "monitor")
        first = source_now(use_case)
        crm.simulate(QUIET, seed=seed)
        stages(use_case, "quiet", *ETL, "score", "monitor")
        begins = source_now(use_case)
        for span in DRIFTED:
            crm.simulate(span, drift=True, seed=seed)
            stages(use_case, f"drifted {span}", *ETL, "score", "monitor")
        due = training_due(use_case)
        assert due.rule == "drift", due.sentence
        stages(use_case, "due", "train")
        newest, now = ledger.decisions(use_case.name)[0], source_now(use_case)
        unknown = use_case.label.matures_after
        found = won_back(use_case, "1", newest.version, (first - unknown, begins), (now - unknown, now))
        return Seed(seed, newest.verdict, newest.candidate, found)


def trained_by_drift(use_case: UseCase, candidates: tuple[str, ...]) -> UseCase:
    """The use case with these candidates, trained by drift and by nothing else."""
    model = use_case.model.model_copy(update={"candidates": candidates})
    return use_case.model_copy(update={"model": model, "retrain": Retrain(new_outcomes=100_000)})


def stages(use_case: UseCase, run: str, *names: str) -> None:
    for name in names:
        sys.stderr.write(f"{run}, {name}: {STAGES[name](use_case, f'{run}/{name}')[:150]}\n")


def quietly(*arguments: object) -> Seed:
    """``run_seed`` in a process of its own, its log where it cannot mix with the figures."""
    with contextlib.redirect_stdout(sys.stderr):
        return run_seed(*arguments)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leads", type=int, default=6000)
    parser.add_argument("--days", type=int, default=150)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--candidates", nargs="+", default=["logistic_regression"])
    given = parser.parse_args()
    # A process per seed: Feast's and MLflow's stores are kept per process, each seed has its own.
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for seed in given.seeds:
            one = pool.apply(quietly, (seed, given.leads, given.days, tuple(given.candidates)))
            sys.stdout.write(
                f"seed {one.seed}: the drift cost {one.found.cost:.4f} of ROC AUC, {one.candidate} ({one.verdict}) won "
                f"back {one.found.won:.4f}, {one.found.share:.0%}, on {one.found.rows:,} rows\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
