"""Starting and stopping the supervisor of Airflow's components, and what it wrote down about itself."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from leadmill.errors import LeadmillError
from leadmill.local import processes
from leadmill.local.airflow_settings import password_file
from leadmill.local.credentials import write_private
from leadmill.local.state import StateFolder

# The supervisor needs up to supervisor.STOP_SECONDS to end its components in good order.
STOP_SECONDS = 12.0
# Settings of another Airflow or PostgreSQL, left in the caller's shell, would mix with ours.
FOREIGN = ("AIRFLOW__", "_AIRFLOW_", "_PIP_", "PG")


class ProcessesLeft(LeadmillError):
    """Some processes would not die."""

    def __init__(self, pids: list[int]) -> None:
        self.pids = tuple(pids)
        super().__init__(f"These processes would not end, even when killed: {', '.join(map(str, pids))}.")


@dataclass(frozen=True)
class ComponentProcess:
    """One Airflow component as the supervisor last recorded it; ``pid`` is 0 between a death and the restart."""

    name: str
    pid: int
    restarts: int

    def alive(self) -> bool:
        return self.pid != 0 and processes.identity(self.pid) is not None


@dataclass(frozen=True)
class Record:
    """What the supervisor wrote down."""

    process: processes.Identity
    components: tuple[ComponentProcess, ...]


def record(state: StateFolder) -> Record | None:
    """The supervisor's own record, None when there is none.

    A checkout that was copied with its state holds the record of the original's supervisor, which is none of ours.
    """
    try:
        stored = json.loads(state.supervisor.read_text())
    except FileNotFoundError:
        return None
    process = processes.Identity(**stored["process"])
    if process.alive() and processes.works_in(process.pid, state.root) is False:
        return None
    components = (ComponentProcess(name, one["pid"], one["restarts"]) for name, one in stored["components"].items())
    return Record(process, tuple(components))


def alive(state: StateFolder) -> bool:
    """True while the supervisor runs."""
    known = record(state)
    return known is not None and known.process.alive()


def start(state: StateFolder, variables: dict[str, str]) -> None:
    """Start the supervisor (which must not be running) with this environment; it goes on without this process."""
    users = {"admin": variables["AIRFLOW_PASSWORD"], "viewer": variables["AIRFLOW_VIEWER_PASSWORD"]}
    write_private(password_file(state), json.dumps(users))
    state.supervisor.unlink(missing_ok=True)
    with (state.logs / "supervisor.log").open("a") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "leadmill.local.supervisor", str(state.root)],
            env=environment(state, variables),
            cwd=state.root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + 20
    while not alive(state):
        if started.poll() is not None or time.monotonic() > deadline:
            raise LeadmillError(f"Airflow's supervisor did not start: {last_lines(state, 'supervisor')}")
        time.sleep(0.02)


def environment(state: StateFolder, variables: dict[str, str]) -> dict[str, str]:
    """What the supervisor runs with: the caller's environment without what is FOREIGN, and ``variables``."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    # Some programs read the one spelling first and some the other: tasks would reach Airflow through the proxy.
    direct = ",".join(filter(None, [os.environ.get("NO_PROXY"), os.environ.get("no_proxy"), "127.0.0.1", "localhost"]))
    own = {
        processes.MARKER: str(state.root),
        "SPT_NOENV": "1",  # process titles must not overwrite the marker in /proc
        "NO_PROXY": direct,
        "no_proxy": direct,
    }
    return {**inherited, **variables, **own}


def stop(state: StateFolder) -> None:
    """End the supervisor, its components and whatever they left behind. Raises ProcessesLeft."""
    known = record(state)
    if known is not None and known.process.alive():
        processes.send([known.process.pid], signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while known.process.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
    left = processes.sweep(state.root)
    if left:
        raise ProcessesLeft(left)
    state.supervisor.unlink(missing_ok=True)


def last_lines(state: StateFolder, name: str, count: int = 6) -> str:
    """The end of a component's log, for a message."""
    log = state.logs / f"{name}.log"
    if not log.exists():
        return f"(no {log})"
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:]) + f"\n({log})"
