"""The command line. What is heavy is imported inside the command that needs it, so that help and status are quick."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from leadmill import cli_bench, cli_data, cli_metrics, cli_model, cli_serve, cli_study, cli_training_set
from leadmill.errors import LeadmillError

if TYPE_CHECKING:
    from leadmill.local.doctor import Finding
    from leadmill.local.status import Status

app = typer.Typer(
    name="leadmill",
    help="Turns the rows of a CRM warehouse into scored leads.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
COLOURS = {"ok": "green", "note": "yellow", "wrong": "red"}


@app.command()
def up() -> None:
    """Start PostgreSQL, Airflow and the scoring API on this machine, and wait until they are healthy."""
    from leadmill.local import stack

    variables = stack.up(progress_lines())
    out.print(f"Airflow    {variables['AIRFLOW_URL']}  user {variables['AIRFLOW_USER']}, password: ./leadmill env")
    out.print(f"API        {variables['LEADMILL_API_URL']}  key: ./leadmill env")
    out.print(f"PostgreSQL {variables['LEADMILL_PG_HOST']}:{variables['LEADMILL_PG_PORT']}")


@app.command()
def down() -> None:
    """Stop the local services; their data stays."""
    from leadmill.local import stack

    stack.down(progress_lines())
    out.print("Stopped.")


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Stop the local services and delete all their data."""
    from leadmill.local import stack

    state = stack.folder()
    if not state.root.exists():
        out.print(f"There is nothing to delete: {state.root} does not exist.")
        return
    if not yes:
        typer.confirm(f"Delete {state.root} with its databases, models and logs?", abort=True)
    stack.reset(progress_lines())
    out.print("Deleted.")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show what runs. Exit code 1 when the stack is not running and healthy."""
    from leadmill.local import status as local_status

    found = local_status.status()
    if as_json:
        out.print_json(json.dumps(asdict(found)))
    elif found.services:
        out.print(_status_table(found))
    else:
        out.print(f"There is no local stack in {found.state} yet. Make one with './leadmill up'.")
    raise typer.Exit(0 if found.healthy else 1)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is wrong and how to mend it. Exit code 1 when something is."""
    from leadmill.local import doctor as local_doctor

    findings = local_doctor.examine()
    if as_json:
        out.print_json(json.dumps([asdict(one) for one in findings]))
    else:
        for one in findings:
            out.print(_finding_text(one), soft_wrap=True)
    raise typer.Exit(1 if local_doctor.something_wrong(findings) else 0)


@app.command()
def env() -> None:
    """Print export lines for the shell: eval "$(./leadmill env)". They contain passwords."""
    from leadmill.local import environment, stack

    variables = environment.shared_with_people(stack.environment())
    sys.stdout.write("".join(f"{line}\n" for line in export_lines(variables)))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run the whole test suite on throw-away services; arguments go to pytest."""
    from leadmill.local import testing

    raise typer.Exit(testing.run_pytest(context.args))


def export_lines(variables: dict[str, str]) -> list[str]:
    """``export NAME='value'`` for each variable, quoted for any POSIX shell."""
    quoted = {name: "'" + value.replace("'", "'\\''") + "'" for name, value in variables.items()}
    return [f"export {name}={value}" for name, value in sorted(quoted.items())]


def progress_lines() -> Callable[[str], None]:
    """A progress callback that prints each step with the seconds since the start, to stderr."""
    started = time.monotonic()

    def show(step: str) -> None:
        err.print(f"[dim]{time.monotonic() - started:5.1f} s[/dim]  {step}", soft_wrap=True)

    return show


def _status_table(found: "Status") -> Table:
    summary = "healthy" if found.healthy else "not healthy" if found.airflow_url else "not running"
    table = Table(title=f"{found.state}: {summary}", title_justify="left", title_style="bold")
    for column in ("service", "health", "address", "pid", "memory", "restarts"):
        table.add_column(column, justify="right" if column in ("pid", "memory", "restarts") else "left")
    for one in found.services:
        colour = "green" if one.health == "healthy" else "red"
        memory = f"{one.memory / 2**20:,.0f} MiB" if one.memory else ""
        health = Text(one.health, style=colour)
        table.add_row(one.name, health, one.address or "", str(one.pid or ""), memory, str(one.restarts or ""))
    return table


def _finding_text(one: "Finding") -> Text:
    text = Text.assemble((f"{one.level:<5}", COLOURS[one.level]), " ", (one.check, "bold"), ": ", one.found)
    if one.remedy:
        text.append(f"\n      -> {one.remedy}")
    return text


cli_data.register(app)
cli_model.register(app)
cli_study.register(app)
cli_bench.register(app)
cli_metrics.register(app)
cli_serve.register(app)
cli_training_set.register(app)


def main() -> None:
    """Run the command line: 0 on success, 1 on failure, 2 on wrong usage."""
    try:
        app(prog_name="./leadmill")
    except LeadmillError as error:
        err.print(Text(str(error), style="red"), soft_wrap=True)
        sys.exit(1)
