"""The local stack: Postgres, Airflow and the scoring API, started, stopped and thrown away. Its state is one folder."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from leadmill import settings
from leadmill.errors import LeadmillError
from leadmill.local import credentials, environment as env, ports, supervision
from leadmill.local.postgres import Server
from leadmill.local.state import NoState, NotAStateFolder, StateFolder

Progress = Callable[[str], None]
HEALTHY_SECONDS = 180.0


class StackNotHealthy(LeadmillError):
    """Airflow or the scoring API did not become healthy."""


def _silent(_: str) -> None:
    """Shows nothing."""


def folder() -> StateFolder:
    """The state folder that the settings name."""
    return StateFolder(settings.current().state.absolute())


def environment() -> dict[str, str]:
    """All variables of the stack (with secrets). Raises NoState before the first ``up``."""
    state = folder()
    remembered = ports.load(state.ports)
    if not state.exists() or remembered is None:
        raise NoState(state.root)
    return env.variables(settings.current().home, state, credentials.load(state.secrets), remembered)


def forget_other_servers() -> None:
    """Drop the PG* variables of the user's shell, which libpq would take for whatever a URL does not say.

    They are some other server's: with PGSSLMODE=require ours would not be reached. The connection of a use case to a
    server of its own says in its URL what it needs (``?sslmode=require``).
    """
    settings.forget("PG")


def up(progress: Progress = _silent) -> dict[str, str]:
    """Start what does not run yet and wait until all is healthy; the stack's environment, applied to this process."""
    from leadmill.local import artifacts
    from leadmill.storage import api_keys, migrate

    state = folder()
    with _exclusive(state, progress):
        before = ports.load(state.ports)
        progress("Starting PostgreSQL")
        settings.apply(start_postgres())
        running = supervision.alive(state)
        if running and ports.load(state.ports) != before:
            progress("PostgreSQL has a new port: restarting Airflow")
            running = False
        if not running:
            # A supervisor that was killed may have left components, which would hold the port and the schedule.
            supervision.stop(state)
        # The scheduler comes after this: DAGs that are not paused would at once run on an older version's tables.
        progress("Bringing leadmill's tables up to date")
        migrate.upgrade()
        if artifacts.follow(settings.current().mlflow_url, settings.current().mlflow_artifacts):
            progress("The state folder has moved: MLflow's addresses of models follow")
        api_keys.keep(environment()["LEADMILL_API_KEY"], "this local stack", api_keys.SCOPES)
        since = None
        if not running:
            since = datetime.now(UTC)
            _start_airflow(state, progress)
        variables = environment()
        settings.apply(variables)
        _wait_until_healthy(state, variables, progress, since)
    return variables


def down(progress: Progress = _silent) -> None:
    """Stop everything; no process is left when this returns. Raises LeadmillError when one would not end."""
    state = folder()
    if not state.root.exists():
        return
    with _exclusive(state, progress):
        _stop_all(state, progress)


def reset(progress: Progress = _silent) -> None:
    """Stop everything and delete the state folder with its databases, logs and passwords.

    Raises NotAStateFolder where the folder is somebody else's.
    """
    state = folder()
    if not state.root.exists():
        return
    if not state.deletable():
        raise NotAStateFolder(state.root)
    with _exclusive(state, progress):
        _stop_all(state, progress)
        progress(f"Deleting {state.root}")
        state.delete()


def start_postgres() -> dict[str, str]:
    """Start Postgres with its roles and databases (made when missing); the stack's environment."""
    from leadmill.local import databases  # psycopg takes a quarter of a second, which status need not wait for

    forget_other_servers()
    state = folder()
    state.create()
    known = credentials.load_or_create(state.secrets)
    server = Server(state)
    server.initialise(known)
    chosen = ports.load(state.ports) or ports.Ports(ports.PREFERRED_POSTGRES, ports.PREFERRED_AIRFLOW)
    if not server.running():
        chosen = replace(chosen, postgres=ports.free_port(chosen.postgres))
        ports.save(state.ports, chosen)
        server.start(chosen.postgres)
    databases.ensure(chosen.postgres, known)
    return environment()


def stop_postgres() -> None:
    """Stop Postgres; nothing to do when it does not run."""
    Server(folder()).stop()


def _stop_all(state: StateFolder, progress: Progress) -> None:
    progress("Stopping Airflow")
    supervision.stop(state)
    progress("Stopping PostgreSQL")
    stop_postgres()


def _start_airflow(state: StateFolder, progress: Progress) -> None:
    chosen = ports.load(state.ports)
    assert chosen is not None
    free = replace(chosen, airflow=ports.free_port(chosen.airflow), api=ports.free_port(chosen.api))
    for what, before, now in (("Airflow", chosen.airflow, free.airflow), ("the scoring API", chosen.api, free.api)):
        if now != before:
            progress(f"Port {before} is taken by another program: {what} uses {now}")
    ports.save(state.ports, free)
    progress("Starting Airflow and the scoring API")
    supervision.start(state, environment())


def _wait_until_healthy(
    state: StateFolder, variables: dict[str, str], progress: Progress, since: datetime | None
) -> None:
    from leadmill.local import api_health
    from leadmill.local.airflow_api import Airflow, AirflowRefused

    deadline = time.monotonic() + HEALTHY_SECONDS
    shown: list[str] = []
    with Airflow(variables["AIRFLOW_URL"], variables["AIRFLOW_USER"], variables["AIRFLOW_PASSWORD"]) as airflow:
        while True:
            try:
                waiting = [name for name, status in airflow.health(since).items() if status != "healthy"]
                if not waiting:
                    # Another checkout's Airflow, started at the same moment, may have our port: it does not let us in.
                    airflow.dag_ids()
            except AirflowRefused:
                waiting = ["api_server"]
            if api_health.health(variables["LEADMILL_API_URL"]) != "healthy":
                waiting.append("scoring_api")
            if not waiting:
                return
            if not supervision.alive(state):
                raise StackNotHealthy(f"Airflow did not start:\n{supervision.last_lines(state, 'supervisor')}")
            if time.monotonic() > deadline:
                name = waiting[0].replace("_", "-")
                raise StackNotHealthy(
                    f"Not healthy after {HEALTHY_SECONDS:.0f} s: {', '.join(waiting)}:\n"
                    f"{supervision.last_lines(state, name)}"
                )
            if waiting != shown:
                progress(f"Waiting for {', '.join(waiting)}")
                shown = waiting
            time.sleep(0.2)


@contextmanager
def _exclusive(state: StateFolder, progress: Progress) -> Iterator[None]:
    """One ``up``, ``down`` or ``reset`` at a time per state folder, which is made where absent."""
    while True:
        with state.open_lock() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress("Another leadmill command is at work on this state: waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            # A reset may have deleted the file while we waited for it; then it locks nothing any more.
            if _is_at(lock, state.lock):
                yield
                return


def _is_at(opened: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(opened.fileno()), path.stat())
    except FileNotFoundError:
        return False
