"""What watching found, for Prometheus. What is heavy is imported inside the command."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from leadmill.cli_data import connect


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command()(metrics)


def metrics(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.prom", help="Write there instead.", show_default=False),
    ] = None,
) -> None:
    """Print the newest findings of the monitoring DAGs in Prometheus's text format.

    With --output into a file, whole or not at all: for the textfile collector of node_exporter.
    """
    connect()
    from leadmill.monitoring.metrics import exposition

    text = exposition()
    if output is None:
        sys.stdout.write(text)
        return
    draft = output.with_name(f"{output.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(output)
