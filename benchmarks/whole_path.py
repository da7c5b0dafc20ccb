"""The whole path on both sides: each run in a process of its own, on a fresh copy of the same server."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from benchmarks import compare, rows
from benchmarks.watch import Watch
from benchmarks.world import TRAINED_ON, World, use_case
from leadmill.errors import LeadmillError

SIDES = ("stock", "leadmill")
# Stock once more with its rows inserted by COPY; without materialize, which is the same.
COPIED = "stock_copy"
STEPS = (
    *("extract", "check", "impute and encode", "write features", "materialize", "score"),
    "publish scores",
)
# A million takes stock most of an hour, nearly all of it in materialize.
STOCK_UP_TO = 100_000
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """Seconds by step, processor seconds of the side's process and Postgres' in all, and peak memory in MiB of both."""

    seconds: dict[str, float]
    processor: dict[str, float]
    peak_mib: float
    postgres_mib: float

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    @property
    def without_materialize(self) -> float:
        return self.total - self.seconds.get("materialize", 0.0)

    @property
    def processor_total(self) -> float:
        return sum(self.processor.values())

    @property
    def processor_without_materialize(self) -> float:
        return self.processor_total - self.processor.get("materialize", 0.0)


def run_side(world: World, side: str) -> Run:
    """One side on the server that runs now."""
    with Watch(world.postgres_pid()) as watch:
        found = call(world, "benchmarks.side", side, str(world.artifacts))
    return Run(found["seconds"], found["processor"], found["peak_mib"], watch.peak_mib)


def call(world: World, module: str, *arguments: str) -> dict[str, Any]:
    """The JSON that ``python -m module`` prints. Raises LeadmillError with the last lines of its log."""
    log = world.folder / "side.log"
    with log.open("w") as stream:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=Path(__file__).resolve().parents[1],
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            check=False,
        )
    if done.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
        raise LeadmillError(f"{module} {' '.join(arguments)} ended with {done.returncode}:\n{last}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(world: World, count: int, repeats: int, progress: Progress) -> dict[str, Any]:
    """Both sides ``repeats`` times on ``count`` new leads, in turn; their results are compared once."""
    runs: dict[str, list[Run]] = {side: [] for side in (*SIDES, COPIED)}
    frames: dict[str, pd.DataFrame] = {}
    since = rows.recorded_at(TRAINED_ON - 1)
    for repeat in range(repeats):
        for side in runs:
            progress(f"{count:,} leads, {side}, run {repeat + 1} of {repeats}")
            with world.with_rows(count):
                runs[side].append(run_side(world, side))
                if repeat == 0 and side in SIDES:
                    frames[side] = _results(side, since)
    agreed = compare.agreement(use_case(), frames["leadmill"], frames["stock"], count)
    return {
        "rows": count,
        "repeats": repeats,
        **{side: summary(found) for side, found in runs.items()},
        **ratios(runs["stock"], runs["leadmill"]),
        "without_materialize_ratio_to_copy": _ratio(
            [run.total for run in runs[COPIED]], [run.without_materialize for run in runs["leadmill"]]
        ),
        "equal": asdict(agreed),
    }


def _results(side: str, since: pd.Timestamp) -> pd.DataFrame:
    if side == "stock":
        return compare.stock_features_and_scores(use_case())
    return compare.features_and_scores(use_case(), since)


def summary(runs: list[Run]) -> dict[str, Any]:
    """Medians and spread of repeated runs of one side."""
    return {
        "seconds": {step: spread([run.seconds[step] for run in runs]) for step in STEPS if step in runs[0].seconds},
        "whole_path": spread([run.total for run in runs]),
        "whole_path_without_materialize": spread([run.without_materialize for run in runs]),
        "processor": spread([run.processor_total for run in runs]),
        "processor_without_materialize": spread([run.processor_without_materialize for run in runs]),
        "peak_mib": max(run.peak_mib for run in runs),
        "postgres_mib": max(run.postgres_mib for run in runs),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Median, smallest and largest."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def ratios(stock: list[Run], ours: list[Run]) -> dict[str, Any]:
    """How many times faster leadmill was, by the medians."""
    return {
        "whole_path_ratio": _ratio([run.total for run in stock], [run.total for run in ours]),
        "whole_path_without_materialize_ratio": _ratio(
            [run.without_materialize for run in stock], [run.without_materialize for run in ours]
        ),
        "step_ratios": {
            step: _ratio([run.seconds[step] for run in stock], [run.seconds[step] for run in ours]) for step in STEPS
        },
    }


def _ratio(stock: list[float], ours: list[float]) -> float:
    return median(stock) / median(ours)


def growth(world: World, sizes: list[int], progress: Progress) -> list[dict[str, Any]]:
    """Both sides once at each size: time and memory; stock not beyond STOCK_UP_TO."""
    found = []
    for count in sizes:
        row: dict[str, Any] = {"rows": count}
        for side in SIDES if count <= STOCK_UP_TO else SIDES[1:]:
            progress(f"{count:,} leads, {side}")
            with world.with_rows(count):
                run = run_side(world, side)
            row[side] = {**asdict(run), "total": run.total, "without_materialize": run.without_materialize}
        found.append(row)
    return found
