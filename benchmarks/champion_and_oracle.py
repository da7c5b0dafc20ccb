"""How near the champion of ``leads`` comes to the oracle, over several seeds.

    .venv/bin/python benchmarks/champion_and_oracle.py [--leads 20000] [--days 365] [--seeds 7 8 9] [--rounds 7]

Each seed gets a server of its own in a throw-away folder: the simulated CRM, one ETL window and a training, stage by
stage without Airflow. Then the clock moves on by two weeks at a time, with a window and scores after each and no
further training. A round's fresh leads are those that came in during it and are open at its end, with the score
published then: each counts once, at an age of up to two weeks. Printed are the ROC AUC of champion and oracle on the
same holdout rows, the difference with its paired 95 % interval, and score less truth by tenth of the scores with 95 %
intervals (leads are drawn), on the holdout and on the fresh leads of all rounds. ``--json`` prints every figure.
"""

import argparse
import contextlib
import json
import multiprocessing
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import pandas as pd

from leadmill.demo import crm
from leadmill.demo.comparison import Comparison, compare, off_by_decile
from leadmill.demo.crm import oracle
from leadmill.demo.warehouse import warehouse_engine
from leadmill.local.testing import throw_away_server
from leadmill.orchestration.stages import STAGES
from leadmill.spec import load_use_case
from leadmill.storage.frames import read_frame
from leadmill.training.results import Estimate

ROUND_DAYS = 14
ETL = ("extract", "check_raw", "impute_encode", "check_features", "publish")


@dataclass(frozen=True)
class Seed:
    """One seed's figures; the ``fresh`` leads came in after the training."""

    seed: int
    candidate: str
    holdout: Comparison
    fresh: int
    fresh_off_by_decile: tuple[Estimate, ...]


def run_seed(seed: int, leads: int, days: int, rounds: int) -> Seed:
    """Everything from an empty server to the comparison."""
    from leadmill.registry import ledger

    with throw_away_server("seed"):
        crm.load(leads, days, seed)
        stages(*ETL, "train")
        found = []
        for number in range(rounds):
            crm.simulate(ROUND_DAYS, seed=seed)
            stages(*ETL, "score")
            found.append(fresh_leads(crm.HISTORY_ENDS + number * timedelta(days=ROUND_DAYS)))
        fresh = pd.concat(found, ignore_index=True)
        use_case = load_use_case("leads")
        return Seed(
            seed,
            ledger.models(use_case.name)[0].candidate,
            compare(use_case),
            len(fresh),
            off_by_decile(fresh["probability"], fresh["truth"], fresh["lead_id"]),
        )


def quietly(*arguments: int) -> Seed:
    """``run_seed`` in a process of its own, its log where it cannot mix with the figures."""
    with contextlib.redirect_stdout(sys.stderr):
        return run_seed(*arguments)


def stages(*names: str) -> None:
    for name in names:
        sys.stderr.write(f"{name}: {STAGES[name](load_use_case('leads'), f'benchmark/{name}')[:150]}\n")


def fresh_leads(since: datetime) -> pd.DataFrame:
    """Open leads first recorded after ``since``, their published probability and the oracle's at the same facts."""
    scored = read_frame(
        "SELECT s.lead_id, s.probability, s.feature_timestamp FROM scores.leads AS s "
        "JOIN features.leads_entities AS e USING (lead_id) WHERE s.status = 'fresh' AND e.first_recorded_at > $1",
        [since],
    )
    with warehouse_engine().connect() as connection:
        truth = oracle.probabilities(connection, scored["lead_id"], scored["feature_timestamp"])
    return scored.merge(truth.rename(columns={"probability": "truth"})[["lead_id", "truth"]], on="lead_id")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    # A process per seed: Feast's and MLflow's stores are kept per process, each seed has its own.
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        found = [
            pool.apply(quietly, (seed, arguments.leads, arguments.days, arguments.rounds)) for seed in arguments.seeds
        ]
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(one) for one in found], indent=2) + "\n")
        return
    for one in found:
        both, ahead = one.holdout, one.holdout.oracle_ahead
        sys.stdout.write(
            f"seed {one.seed}: {one.candidate} {both.champion.value:.4f}, oracle {both.oracle.value:.4f} on "
            f"{both.rows:,} rows; {ahead.value:.4f} behind ({ahead.low:.4f} to {ahead.high:.4f})\n"
            f"  off by tenth, holdout: {shown(both.off_by_decile)}\n"
            f"  off by tenth, {one.fresh:,} fresh leads: {shown(one.fresh_off_by_decile)}\n"
        )


def shown(off: Sequence[Estimate]) -> str:
    """The worst tenth with its interval, then all of them."""
    worst = max(off, key=lambda one: abs(one.value))
    every = " ".join(f"{one.value:+.3f}" for one in off)
    return f"at most {worst.value:+.3f} ({worst.low:+.3f} to {worst.high:+.3f}); {every}"


if __name__ == "__main__":
    main()
