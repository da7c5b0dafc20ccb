"""How near the champion of ``leads`` comes to the oracle, over several seeds.

    .venv/bin/python benchmarks/champion_and_oracle.py [--leads 20000] [--days 365] [--seeds 7 8 9] [--json]

Each seed gets a server of its own in a throw-away folder: the simulated CRM, one ETL window, a training and the scores,
stage by stage without Airflow. Printed are the ROC AUC of both on the same holdout rows, the difference with its paired
95 % interval, and score less truth by tenth of the open leads' scores, a week after the training (fresh leads only).
"""

import argparse
import json
import multiprocessing
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from leadmill import settings
from leadmill.demo import crm
from leadmill.demo.comparison import Comparison, compare, off_by_decile
from leadmill.demo.crm import oracle
from leadmill.demo.warehouse import warehouse_engine
from leadmill.orchestration.stages import STAGES
from leadmill.spec import load_use_case
from leadmill.storage import migrate
from leadmill.storage.frames import read_frame

ETL = ("extract", "check_raw", "impute_encode", "check_features", "publish")


@dataclass(frozen=True)
class Seed:
    """One seed's figures; ``fresh`` leads came in after the training."""

    seed: int
    candidate: str
    holdout: Comparison
    fresh: int
    fresh_off_by_decile: tuple[float, ...]


def run_seed(seed: int, leads: int, days: int) -> Seed:
    """Everything from an empty server to the comparison."""
    from leadmill.local import stack
    from leadmill.local.postgres import Server
    from leadmill.registry import ledger

    folder = Path(tempfile.mkdtemp(prefix="leadmill-seed-"))
    # Under root, Postgres runs as an unprivileged user who must be able to pass through.
    folder.chmod(0o711)
    settings.apply({"LEADMILL_STATE": str(folder / "state"), "AIRFLOW_HOME": str(folder / "state" / "airflow")})
    settings.apply(stack.start_postgres())
    try:
        migrate.upgrade()
        crm.load(leads, days, seed)
        stages(*ETL, "train", "score")
        before = crm.HISTORY_ENDS
        crm.simulate(14, seed=seed)
        stages(*ETL, "score")
        fresh = fresh_leads(before)
        use_case = load_use_case("leads")
        return Seed(
            seed,
            ledger.models(use_case.name)[0].candidate,
            compare(use_case),
            len(fresh),
            off_by_decile(fresh["probability"], fresh["truth"]),
        )
    finally:
        Server(stack.folder()).stop()
        shutil.rmtree(folder, ignore_errors=True)


def stages(*names: str) -> None:
    for name in names:
        sys.stderr.write(f"{name}: {STAGES[name](load_use_case('leads'), f'benchmark/{name}')[:150]}\n")


def fresh_leads(since: pd.Timestamp) -> pd.DataFrame:
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
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    # A process per seed: Feast's and MLflow's stores are kept per process, each seed has its own.
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        found = [pool.apply(run_seed, (seed, arguments.leads, arguments.days)) for seed in arguments.seeds]
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(one) for one in found], indent=2) + "\n")
        return
    for one in found:
        both, ahead = one.holdout, one.holdout.oracle_ahead
        worst, worst_fresh = max(both.off_by_decile, key=abs), max(one.fresh_off_by_decile, key=abs)
        sys.stdout.write(
            f"seed {one.seed}: {one.candidate} {both.champion.value:.4f}, oracle {both.oracle.value:.4f} on "
            f"{both.rows:,} rows; {ahead.value:.4f} behind ({ahead.low:.4f} to {ahead.high:.4f}); off by tenth on the "
            f"holdout at most {worst:+.3f}, on {one.fresh:,} fresh leads {worst_fresh:+.3f}\n"
        )


if __name__ == "__main__":
    main()
