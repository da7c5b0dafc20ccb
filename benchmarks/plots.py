"""The plots of a benchmark, from its results: seconds by step, and growth of time and memory."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.whole_path import SIDES, STEPS

COLOURS = {"stock": "#8a8f98", "leadmill": "#0b6e4f"}
_LIMIT_MIB = 2048


def draw(results: dict[str, Any], folder: Path) -> list[Path]:
    """Write what the results allow as PNG files into ``folder``; their paths."""
    folder.mkdir(exist_ok=True)
    found = []
    if "whole_path_ratio" in results:
        found.append(_saved(_by_step(results), folder / "bench_steps.png"))
    if results.get("growth"):
        found.append(_saved(_growth(results["growth"]), folder / "bench_growth.png"))
    return found


def _saved(figure: Figure, file: Path) -> Path:
    figure.savefig(file, dpi=130, bbox_inches="tight")
    plt.close(figure)
    return file


def _by_step(results: dict[str, Any]) -> Figure:
    """Bars on a logarithmic axis, with the ratio beside each pair."""
    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    labels = [*STEPS, "whole path"]
    places = np.arange(len(labels))
    for offset, side in zip((-0.2, 0.2), SIDES, strict=True):
        values = [*(results[side]["seconds"][step] for step in STEPS), results[side]["whole_path"]]
        middle = np.array([value["median"] for value in values])
        low = middle - np.array([value["min"] for value in values])
        high = np.array([value["max"] for value in values]) - middle
        axes.barh(places + offset, middle, 0.38, xerr=[low, high], color=COLOURS[side], label=side, ecolor="#333333")
    widest = axes.get_xlim()[1]
    ratios = [*(results["step_ratios"][step] for step in STEPS), results["whole_path_ratio"]]
    for place, ratio in zip(places, ratios, strict=True):
        axes.text(widest * 1.15, float(place), f"{ratio:,.1f}x", va="center", fontsize=9)
    axes.set_xscale("log")
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.set_xlabel(f"seconds for {results['rows']:,} leads (log scale); bars end at the median, lines at min and max")
    axes.set_title("Seconds by step, and how many times faster leadmill is", loc="left", fontsize=11)
    _plain(axes)
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    return figure


def _growth(growth: list[dict[str, Any]]) -> Figure:
    figure, (times, memory) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for side in SIDES:
        measured = [row for row in growth if side in row]
        rows = [row["rows"] for row in measured]
        times.plot(rows, [row[side]["total"] for row in measured], "o-", color=COLOURS[side], label=side)
        without = [row[side]["without_materialize"] for row in measured]
        times.plot(rows, without, "o--", color=COLOURS[side], label=f"{side}, without materialize", alpha=0.7)
        python = [row[side]["peak_mib"] for row in measured]
        memory.plot(rows, python, "o-", color=COLOURS[side], label=f"{side}: Python")
        server = [row[side]["postgres_mib"] for row in measured]
        memory.plot(rows, server, "o:", color=COLOURS[side], label=f"{side}: largest Postgres process", alpha=0.7)
    memory.axhline(_LIMIT_MIB, color="#b03030", linewidth=1)
    sizes = [row["rows"] for row in growth]
    memory.text(sizes[0], _LIMIT_MIB * 1.02, "2 GiB", color="#b03030", fontsize=9)
    for axes, name in ((times, "seconds, source to scores"), (memory, "peak memory of one process, MiB")):
        axes.set_xscale("log")
        axes.set_xticks(sizes, [f"{count:,}" for count in sizes])
        axes.minorticks_off()
        axes.set_xlabel("leads")
        axes.set_title(name, loc="left", fontsize=11)
        axes.legend(frameon=False, fontsize=8)
        _plain(axes)
    times.set_yscale("log")
    return figure


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="both", color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
