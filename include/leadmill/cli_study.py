"""The study of a use case's data as a page to read. What is heavy is imported inside the command."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from leadmill.cli_data import Name, connect, err, out


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command()(study)


def study(
    name: Name,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.html", help="Where to write it.", show_default=False)
    ] = None,
) -> None:
    """Study the labelled rows of a use case: one HTML page with plots that needs no network.

    Distributions, missing values, outliers, correlations, transformations, rare categories, imputation, importance.
    Prints the path of the page; without --output it lies in the folder 'studies' of the state folder.
    """
    from leadmill.spec import load_use_case

    use_case = load_use_case(name)
    connect()
    from leadmill.study.report import write_study

    bar = Progress(
        TextColumn("[dim]{task.description}[/dim]"),
        BarColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=1.0)
        file = write_study(use_case, output, lambda what, done: bar.update(task, description=what, completed=done))
    out.print(str(file), markup=False, soft_wrap=True)
