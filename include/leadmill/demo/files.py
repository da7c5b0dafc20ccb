"""Files for the demo: the user's own or a made-up one, loaded with a progress bar."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from leadmill import settings
from leadmill.demo import loans, payments
from leadmill.demo.generator import generate, write_csv
from leadmill.demo.loader import load_file
from leadmill.demo.warehouse import LoadSummary
from leadmill.errors import LeadmillError
from leadmill.spec import UseCase

if TYPE_CHECKING:
    import pandas as pd

# How a made-up file is made, and of how many rows where nobody says.
GENERATORS: dict[str, tuple[Callable[[int], "pd.DataFrame"], int]] = {
    "x_education": (generate, 9240),
    "loans": (loans.generate, loans.ROWS),
    "fraud": (payments.generate, payments.ROWS),
}


def demo_file(use_case: UseCase, rows: int | None) -> Path:
    """A made-up file in the state folder, the same for the same count. Raises LeadmillError."""
    if use_case.name not in GENERATORS:
        raise LeadmillError(
            f"There is no made-up data for use case '{use_case.name}'. Give a file: "
            f"./leadmill demo {use_case.name} --data FILE.csv"
        )
    make, usual = GENERATORS[use_case.name]
    count = rows or usual
    folder = settings.current().state / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    return write_csv(make(count), folder / f"{use_case.name}_{count}.csv")


def load_with_progress(use_case: UseCase, path: Path, console: Console) -> LoadSummary:
    """Load the file, showing how far it is, and say in one line what came of it."""
    bar = Progress(
        TextColumn("[dim]Loading {task.fields[file]}[/dim]"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        size = path.stat().st_size if path.is_file() else None
        task = bar.add_task("load", total=size, file=path.name)
        summary = load_file(use_case, path, lambda read: bar.advance(task, read))
    console.print(load_line(summary), markup=False, soft_wrap=True)
    return summary


def load_line(summary: LoadSummary) -> str:
    """What a load did, in a sentence."""
    if summary.already_loaded:
        return f"{summary.file} was loaded before (load {summary.load_id}): nothing to do"
    return (
        f"{summary.file}: {summary.read:,} rows read = {summary.new:,} new + {summary.changed:,} changed + "
        f"{summary.unchanged:,} unchanged, recorded at {summary.recorded_at:%Y-%m-%d %H:%M} by the demo clock"
    )
