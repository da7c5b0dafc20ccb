"""Airflow runs followed to their end, with live progress per task."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from leadmill.errors import LeadmillError
from leadmill.local.airflow_api import Airflow, Run, TaskInstance

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 3600.0
LOG_LINES = 12
COLOURS = {"success": "green", "running": "cyan", "failed": "red", "upstream_failed": "red", "up_for_retry": "yellow"}


@dataclass(frozen=True)
class Timing:
    """What a step took. ``dag_id`` is empty for what ran outside Airflow."""

    dag_id: str
    step: str
    seconds: float


class TaskFailed(LeadmillError):
    """A task of a followed run failed."""

    def __init__(self, dag_id: str, task: str, lines: str, url: str) -> None:
        self.dag_id, self.task, self.url = dag_id, task, url
        super().__init__(f"{dag_id}: the task '{task}' failed.\n\n{lines}\n\nIts log: {url}")


class RunTooSlow(LeadmillError):
    """A run did not end."""

    def __init__(self, dag_id: str, url: str) -> None:
        super().__init__(
            f"{dag_id} still runs after {PATIENCE_SECONDS / 60:.0f} minutes. Look at it: {url}; "
            "'./leadmill doctor' says whether a service is ill."
        )


def follow(airflow: Airflow, dag_id: str, run_id: str, console: Console) -> list[Timing]:
    """Show the run's tasks until it ends; their durations. Raises TaskFailed or RunTooSlow.

    On a terminal one table is redrawn; elsewhere each task gets a line when it ends.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    told: set[tuple[str, int]] = set()
    # Redrawing needs a terminal; a log file would get an empty line instead.
    display = Live(console=console, refresh_per_second=8) if console.is_terminal else nullcontext()
    with display as live:
        while True:
            run = airflow.run(dag_id, run_id)
            tasks = _ordered(airflow.tasks(dag_id, run_id))
            if live:
                live.update(_table(run, tasks))
            else:
                _tell(console, dag_id, tasks, told)
            if run.finished:
                break
            if time.monotonic() > deadline:
                raise RunTooSlow(dag_id, run_url(airflow, dag_id, run_id))
            time.sleep(POLL_SECONDS)
    _raise_failure(airflow, run, tasks)
    return [Timing(dag_id, one.title, _seconds(one)) for one in tasks if one.started and one.state == "success"]


def run_url(airflow: Airflow, dag_id: str, run_id: str) -> str:
    """The run's page in Airflow."""
    return f"{airflow.url}/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}"


def _raise_failure(airflow: Airflow, run: Run, tasks: Sequence[TaskInstance]) -> None:
    failed = next((one for one in tasks if one.state == "failed"), None)
    if failed:
        mapped = f"/mapped/{failed.map_index}" if failed.map_index >= 0 else ""
        url = f"{run_url(airflow, run.dag_id, run.run_id)}/tasks/{quote(failed.task_id)}{mapped}"
        found = airflow.error(run.dag_id, run.run_id, failed)
        lines = found or "\n".join(airflow.log(run.dag_id, run.run_id, failed).splitlines()[-LOG_LINES:])
        raise TaskFailed(run.dag_id, failed.title, lines, url)
    if run.state == "failed":
        raise TaskFailed(run.dag_id, "(run)", "No task of it failed.", run_url(airflow, run.dag_id, run.run_id))


def _ordered(tasks: Sequence[TaskInstance]) -> list[TaskInstance]:
    # Tasks that have not begun stay behind, in the order that Airflow gave.
    return sorted(tasks, key=lambda one: (one.started is None, one.started or datetime.now(UTC)))


def _seconds(task: TaskInstance) -> float:
    if task.started is None:
        return 0.0
    return ((task.ended or datetime.now(UTC)) - task.started).total_seconds()


def _name(task: TaskInstance) -> str:
    return f"{task.title} ({task.map_index})" if task.map_index >= 0 else task.title


def _table(run: Run, tasks: Sequence[TaskInstance]) -> Table:
    table = Table(title=f"{run.dag_id}: {run.state}", title_justify="left", title_style="bold", min_width=72)
    table.add_column("task", min_width=40)
    table.add_column("state", min_width=10)
    table.add_column("seconds", justify="right")
    for one in tasks:
        state = one.state or "waiting"
        seconds = f"{_seconds(one):.1f}" if one.started else ""
        table.add_row(_name(one), Text(state, style=COLOURS.get(state, "dim")), seconds)
    return table


def _tell(console: Console, dag_id: str, tasks: Sequence[TaskInstance], told: set[tuple[str, int]]) -> None:
    for one in tasks:
        if one.finished and (one.task_id, one.map_index) not in told:
            told.add((one.task_id, one.map_index))
            console.print(f"{_seconds(one):6.1f} s  {dag_id}: {_name(one)}: {one.state}", soft_wrap=True)
