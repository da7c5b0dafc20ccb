"""All parts of the benchmark in a row; each adds its figures to results.json, so that parts can be run on their own."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine, million, page, plots, whole_path
from benchmarks.whole_path import Progress
from benchmarks.world import World, throw_away_world
from leadmill.cli_bench import DEFAULT_PARTS as DEFAULT_PARTS, PARTS as PARTS

SIZES = (10_000, 100_000, 1_000_000)
RESULTS = "results.json"


def run(
    rows: int, repeats: int, parts: Sequence[str], folder: Path, progress: Progress, sizes: Sequence[int] = SIZES
) -> dict[str, Any]:
    """Measure ``parts`` and write results.json, plots and benchmarks.md into ``folder``; the results.

    Figures of other parts that an earlier run left in the folder stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / RESULTS
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    progress("train a champion on a throw-away server")
    with throw_away_world() as world:
        with world.with_rows(0):
            described = machine.describe()
        for part in parts:
            before = os.getloadavg()[0]
            found |= _part(part, world, rows, repeats, sizes, progress)
            found["machine"] = described
            # Of a part that takes long, its own two processes are in the second.
            found["loads"] = {**found.get("loads", {}), part: [before, os.getloadavg()[1]]}
            file.write_text(json.dumps(found, indent=2) + "\n")
    plots.draw(found, folder / "images")
    (folder / "benchmarks.md").write_text(page.render(found))
    progress(f"results are in {folder}")
    return found


def _part(part: str, world: World, rows: int, repeats: int, sizes: Sequence[int], progress: Progress) -> dict[str, Any]:
    """What the part adds to the results."""
    if part == "whole_path":
        return whole_path.measure(world, rows, repeats, progress)
    if part == "growth":
        return {"growth": whole_path.growth(world, list(sizes), progress)}
    if part == "million":
        return {"million": million.measure(world, max(sizes), repeats, progress)}
    if part == "empty_dag":
        progress("six empty tasks through Airflow")
        return {"empty_dag": whole_path.call(world, "benchmarks.empty_dag", str(repeats), str(world.folder))}
    progress(part.replace("_", " "))
    arguments = [str(rows // 2), str(repeats)]
    if part == "point_in_time":
        # A history of five rows for each training row: 200,000 on a million.
        arguments = [str(rows * 5 // 4), str(rows), str(repeats)]
    with world.with_rows(0):
        return {part: whole_path.call(world, f"benchmarks.{part}", *arguments, str(world.folder))}
