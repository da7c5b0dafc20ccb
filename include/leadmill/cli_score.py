"""``./leadmill score USE_CASE --file IN --out OUT``. What is heavy is imported inside the functions."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from leadmill.cli_data import connect, err, out, print_json

if TYPE_CHECKING:
    from leadmill.spec import UseCase


def score_to_file(use_case: "UseCase", file: Path, output: Path, as_json: bool) -> None:
    """Score the file with a progress bar and say what came of it."""
    from leadmill.scoring.file.reading import SUFFIXES

    for path, option in ((file, "--file"), (output, "--out")):
        if path.suffix.lower() not in SUFFIXES:
            raise typer.BadParameter(f"'{path}' ends in neither of {', '.join(SUFFIXES)}", param_hint=option)
    connect()
    from leadmill.scoring.file.score import score_file

    columns = (TextColumn("[dim]{task.description}[/dim]"), BarColumn(), TaskProgressColumn())
    with Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=err, disable=not err.is_terminal
    ) as bar:
        tasks = {step: bar.add_task(step.capitalize(), total=None) for step in ("reading", "scoring")}
        found = score_file(
            use_case, file, output, lambda step, done, total: bar.update(tasks[step], advance=done, total=total)
        )
    if as_json:
        print_json(asdict(found))
        return
    again = ", going on where an earlier run had stopped" if found.resumed else ""
    out.print(
        f"{found.rows:,} rows = {found.scored:,} scored by version {found.model_version} + {found.rejected:,} set aside"
        f"{again}. Scores: {found.output}. Set aside, with reasons: {found.rejected_file}",
        markup=False,
        soft_wrap=True,
    )
