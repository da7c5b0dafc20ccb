"""The demo: from nothing to scored entities, through Airflow, doing only what is not done yet."""

import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from leadmill.demo import needs, simulated, warehouse
from leadmill.demo.files import demo_file, load_with_progress
from leadmill.demo.follow import TaskFailed, Timing, follow
from leadmill.demo.report import Report, report
from leadmill.errors import LeadmillError
from leadmill.local import stack
from leadmill.local.airflow_api import Airflow, Run
from leadmill.registry import ledger
from leadmill.spec import UseCase
from leadmill.storage.ddl import ensure_tables

PARSE_SECONDS = 120.0
STARTS_BY_ITSELF_SECONDS = 180.0
OWN_START_SECONDS = 2.0
POLL_SECONDS = 0.5


def run_demo(use_case: UseCase, data: Path | None, rows: int | None, days: int | None, console: Console) -> Report:
    """Start the services, fill the warehouse, bring etl, training and scores up to date; the figures of the end.

    ``data`` is the user's file; without it ``rows`` made-up entities (of a simulated source: over ``days``), or nothing
    when the warehouse holds a load already. What is done already is not done again. The services stay up, whatever
    happens. Raises TaskFailed with the error of the first task that failed.
    """
    started = time.monotonic()
    timings: list[Timing] = []

    def timed(step: str, work: Callable[[], object]) -> None:
        began = time.monotonic()
        work()
        timings.append(Timing("", step, time.monotonic() - began))

    timed("start the services", lambda: stack.up(lambda step: console.print(f"[dim]{step}[/dim]")))
    timed("fill the warehouse", lambda: _load(use_case, data, rows, days, console))
    ensure_tables(use_case)
    variables = stack.environment()
    with Airflow(variables["AIRFLOW_URL"], variables["AIRFLOW_USER"], variables["AIRFLOW_PASSWORD"]) as airflow:
        etl, train, score = (f"{use_case.name}_{kind}" for kind in ("etl", "train", "score"))
        for dag_id in (etl, train, score):
            airflow.wait_for_dag(dag_id, PARSE_SECONDS)
        # Before anything else, or the events of the first features and model would meet a sleeping DAG.
        airflow.unpause(score)
        timings += _until_done(airflow, etl, lambda: needs.etl_needed(use_case), console)
        timings += _until_done(airflow, train, lambda: needs.training_needed(use_case), console)
        _require_champion(use_case)
        timings += _scores(airflow, use_case, score, console)
        for dag_id in set(airflow.dag_ids()) & {f"{use_case.name}_{kind}" for kind in ("tune", "monitor")}:
            airflow.unpause(dag_id)
    return report(use_case, timings, time.monotonic() - started)


def _load(use_case: UseCase, data: Path | None, rows: int | None, days: int | None, console: Console) -> None:
    if use_case.name in simulated.SIMULATORS and data is None:
        simulated.load_with_progress(use_case.name, rows, days, console)
        return
    if days is not None:
        raise LeadmillError(f"'{use_case.name}' reads a file, nothing simulated: --days says nothing about it.")
    if data is None and rows is None:
        with warehouse.warehouse_engine().begin() as connection:
            warehouse.prepare(connection)
            files = warehouse.loaded_files(connection, use_case.name)
        if files:
            console.print(f"[dim]The demo warehouse holds {', '.join(files)} already[/dim]")
            return
    load_with_progress(use_case, data or demo_file(use_case, rows), console)


def _until_done(airflow: Airflow, dag_id: str, needed: Callable[[], bool], console: Console) -> list[Timing]:
    """Unpause the DAG and, if ``needed``, start it; runs that started by themselves are waited for first."""
    timings: list[Timing] = []
    airflow.unpause(dag_id)
    # Unpausing shortly after a slot of its schedule starts that slot: then a run of our own would find nothing to do.
    deadline = time.monotonic() + (OWN_START_SECONDS if needed() else 0)
    while (under_way := _unfinished(airflow, dag_id)) or time.monotonic() < deadline:
        if under_way is None:
            time.sleep(POLL_SECONDS)
            continue
        try:
            timings += follow(airflow, dag_id, under_way.run_id, console)
        except TaskFailed as error:
            # It may have begun before the newest load; a run of our own is the judge.
            console.print(f"A run of {dag_id} that was under way failed at '{error.task}'", style="yellow")
    if needed():
        timings += follow(airflow, dag_id, airflow.trigger(dag_id), console)
    return timings


def _unfinished(airflow: Airflow, dag_id: str) -> Run | None:
    return next((run for run in reversed(airflow.runs(dag_id)) if not run.finished), None)


def _require_champion(use_case: UseCase) -> None:
    if needs.has_champion(use_case):
        return
    decisions = ledger.decisions(use_case.name)
    why = f" {decisions[0].verdict}: {'; '.join(decisions[0].reasons)}." if decisions else ""
    raise LeadmillError(f"The training of '{use_case.name}' ended without a champion, so nothing can be scored.{why}")


def _scores(airflow: Airflow, use_case: UseCase, dag_id: str, console: Console) -> list[Timing]:
    """Follow the scoring that features and champion start by themselves, until every entity has its score.

    Where no run starts, because its event went by while the services were down, one is started by hand.
    """
    timings: list[Timing] = []
    triggered = False
    deadline = time.monotonic() + STARTS_BY_ITSELF_SECONDS
    while left := needs.unscored(use_case):
        run = _unfinished(airflow, dag_id)
        if run:
            timings = follow(airflow, dag_id, run.run_id, console)
            deadline = time.monotonic() + STARTS_BY_ITSELF_SECONDS
        elif time.monotonic() > deadline and not triggered:
            console.print(f"{dag_id} did not start by itself within {STARTS_BY_ITSELF_SECONDS:.0f} s: starting it")
            timings = follow(airflow, dag_id, airflow.trigger(dag_id), console)
            triggered = True
        elif triggered:
            raise LeadmillError(f"{dag_id} ran, and {left:,} entities still wait for their scores. See its log.")
        else:
            time.sleep(POLL_SECONDS)
    return timings
