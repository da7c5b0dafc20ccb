"""The benchmarks on the command line. What is heavy runs in a process of its own, from the checkout."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from leadmill import settings
from leadmill.cli_data import AsJson, err, out
from leadmill.errors import LeadmillError

PARTS = ("whole_path", "online_stores", "point_in_time", "growth", "million", "empty_dag")
DEFAULT_PARTS = PARTS[:3]
_STEPS_END = ("whole_path", "whole_path_without_materialize")


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command()(bench)


def bench(
    rows: Annotated[int, typer.Option("--rows", min=1000, help="New leads of the whole path.")] = 200_000,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each side; medians are reported.")] = 3,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="PART", help=f"Of {', '.join(PARTS)}; may be repeated.", show_default="the first three"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Where to.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Time the stock wiring of these tools and leadmill side by side, on the same made-up leads.

    It makes servers of its own, takes some minutes and wants a quiet machine; the parts 'growth' and 'million', which
    go to a million leads, take an hour. Writes results.json, plots and benchmarks.md, without --output into the folder
    benchmarks/results of the checkout.
    """
    unknown = set(only or ()) - set(PARTS)
    if unknown:
        raise typer.BadParameter(f"no part '{min(unknown)}'; there are {', '.join(PARTS)}", param_hint="--only")
    folder = (output or settings.ROOT / "benchmarks" / "results").absolute()
    run_benchmarks(rows, repeats, only or DEFAULT_PARTS, folder)
    results: dict[str, Any] = json.loads((folder / "results.json").read_text())
    if as_json:
        out.print_json(json.dumps(results))
        return
    if "whole_path_ratio" in results:
        out.print(step_table(results))
    out.print(str(folder / "benchmarks.md"), markup=False, soft_wrap=True)


def run_benchmarks(rows: int, repeats: int, parts: Sequence[str], folder: Path) -> None:
    """Run the checkout's ``benchmarks`` and show their progress. Raises LeadmillError where that fails."""
    home = settings.ROOT
    if not (home / "benchmarks" / "__main__.py").is_file():
        raise LeadmillError(f"There is no folder 'benchmarks' in {home}: the benchmarks run from a checkout only.")
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    command = [sys.executable, "-m", "benchmarks", "--rows", str(rows), "--repeats", str(repeats)]
    command += ["--output", str(folder), "--only", *parts]
    with (
        log.open("w") as stream,
        subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=stream, text=True) as process,
    ):
        for line in process.stdout or ():
            err.print(f"[dim]{line.rstrip()}[/dim]", soft_wrap=True)
    if process.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
        raise LeadmillError(
            f"The benchmarks ended with exit code {process.returncode}:\n{last}\nAll of it is in {log}."
        )


def step_table(results: dict[str, Any]) -> Table:
    """Medians of both sides by step, and the ratios."""
    table = Table(title=f"{results['rows']:,} leads, medians of {results['repeats']}", title_justify="left")
    table.add_column("step")
    for column in ("stock, s", "leadmill, s", "times faster"):
        table.add_column(column, justify="right")
    stock, ours = results["stock"], results["leadmill"]
    for step, ratio in results["step_ratios"].items():
        values = (stock["seconds"][step]["median"], ours["seconds"][step]["median"], ratio)
        table.add_row(step, *(f"{value:,.2f}" for value in values))
    table.add_section()
    for name in _STEPS_END:
        values = (stock[name]["median"], ours[name]["median"], results[f"{name}_ratio"])
        table.add_row(name.replace("_", " "), *(f"{value:,.2f}" for value in values), style="bold")
    return table
