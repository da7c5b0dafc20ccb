"""What the champion of ``tpv`` is worth beside the naive answers and the oracle, over several seeds.

    .venv/bin/python benchmarks/tpv.py [--merchants 800] [--days 912] [--seeds 31 32 33]

Each seed gets a server of its own in a throw-away folder: the simulated acquirer, one ETL window, a training and the
scores, stage by stage without Airflow. Printed are figures on the holdout, the newest fifth of the rows by time: macro
F1, quadratic weighted kappa and log loss of the bands, the WAPE of the value and the share of truths in its 80 %
intervals, with 95 % intervals of drawn merchants; the same of last month again and of the same 30 days a year ago; and
of the oracle, which knows each merchant's true state, on at most 1,000 of these rows. ``--json`` prints every figure.
"""

import argparse
import contextlib
import json
import multiprocessing
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from leadmill.demo import tpv
from leadmill.demo.tpv.comparison import OutlookComparison, compare
from leadmill.local.testing import throw_away_server
from leadmill.orchestration.stages import STAGES
from leadmill.spec import load_use_case
from leadmill.storage.frames import read_frame

STEPS = ("extract", "check_raw", "impute_encode", "check_features", "publish", "train", "score")
SHOWN = {
    "macro_f1": "macro F1",
    "weighted_kappa": "kappa",
    "log_loss": "log loss",
    "wape": "WAPE",
    "coverage": "in 80 %",
}


@dataclass(frozen=True)
class Seed:
    """One seed's figures; ``outside`` are published values that lie outside their band, which none may."""

    seed: int
    candidate: str
    training_rows: int
    holdout: dict[str, dict[str, float]]
    naive: dict[str, dict[str, float]]
    oracle: OutlookComparison
    scored: int
    outside: int
    seconds: dict[str, float] = field(default_factory=dict)


def run_seed(seed: int, merchants: int, days: int) -> Seed:
    """Everything from an empty server to the comparison. Raises LeadmillError where no champion comes of it."""
    from leadmill.registry import ledger

    use_case = load_use_case("tpv")
    seconds = {}
    with throw_away_server("seed"):
        tpv.load(merchants, days, seed)
        for step in STEPS:
            began = time.monotonic()
            sys.stderr.write(f"{step}: {STAGES[step](use_case, f'benchmark/{step}')[:200]}\n")
            seconds[step] = round(time.monotonic() - began, 1)
        model = ledger.models(use_case.name)[0]
        scores = read_frame("SELECT predicted_class, predicted_value FROM scores.tpv", [])
        bands = {band["class"]: band for band in model.classes or []}
        inside = [
            bands[name]["from"] <= value and (value < bands[name]["to"] or name == use_case.classes[-1])
            for name, value in zip(scores["predicted_class"], scores["predicted_value"], strict=True)
        ]
        return Seed(
            seed,
            model.candidate,
            model.training_rows,
            model.metrics["holdout"]["metrics"],
            model.metrics["naive"],
            compare(use_case),
            len(inside),
            inside.count(False),
            seconds,
        )


def quietly(*arguments: int) -> Seed:
    """``run_seed`` in a process of its own, its log where it cannot mix with the figures."""
    with contextlib.redirect_stdout(sys.stderr):
        return run_seed(*arguments)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--merchants", type=int, default=800)
    parser.add_argument("--days", type=int, default=912)
    parser.add_argument("--seeds", type=int, nargs="+", default=[31, 32, 33])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    # A process per seed: Feast's and MLflow's stores are kept per process, each seed has its own.
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for seed in arguments.seeds:
            one = pool.apply(quietly, (seed, arguments.merchants, arguments.days))
            sys.stdout.write(json.dumps(asdict(one)) + "\n" if arguments.json else told(one))
            sys.stdout.flush()


def told(one: Seed) -> str:
    """The seed's figures as lines."""
    lines = [f"seed {one.seed}: {one.candidate}, {one.training_rows:,} training rows; {one.outside} of {one.scored:,} "]
    lines[0] += "published values outside their band"
    lines.append(f"  champion: {', '.join(_estimate(name, one.holdout[name]) for name in SHOWN)}")
    for name, figures in one.naive.items():
        shown = ", ".join(f"{title} {figures[key]:.3f}" for key, title in SHOWN.items() if key in figures)
        lines.append(f"  {name.replace('_', ' ')}: {shown}")
    lines.append(f"  oracle: {one.oracle.sentence}")
    lines.append(f"  seconds: {', '.join(f'{step} {seconds:g}' for step, seconds in one.seconds.items())}")
    return "".join(f"{line}\n" for line in lines)


def _estimate(name: str, figure: dict[str, Any]) -> str:
    return f"{SHOWN[name]} {figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


if __name__ == "__main__":
    main()
