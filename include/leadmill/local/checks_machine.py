"""The doctor's checks of the machine and the checkout: Python, environment, lock, state folder, disk, ports."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from leadmill import settings
from leadmill.local import lock, ports, stack, supervision
from leadmill.local.doctor import Check, Finding
from leadmill.local.postgres import Server
from leadmill.local.state import StateFolder

PYTHON = (3, 11)
SCARCE_BYTES, TIGHT_BYTES = 2 * 2**30, 5 * 2**30


def python_version(version: tuple[int, int] = sys.version_info[:2]) -> Iterator[Finding]:
    found = f"Python {version[0]}.{version[1]}"
    if version == PYTHON:
        yield Finding("Python", "ok", found)
    else:
        yield Finding("Python", "wrong", f"{found}; leadmill runs on 3.11", "LEADMILL_PYTHON=python3.11 ./leadmill ...")


def environment_in_step(venv: Path = Path(sys.prefix), home: Path = settings.ROOT) -> Iterator[Finding]:
    """The bootstrap copies the lock into .venv as its very last act."""
    installed, wanted = venv / "installed.lock", home / "requirements.lock"
    remedy = "Run ./leadmill once more: it makes or mends .venv by itself."
    if not installed.exists():
        yield Finding("Environment", "wrong", f"{venv} is not complete: its making was interrupted", remedy)
    elif installed.read_bytes() != wanted.read_bytes():
        yield Finding("Environment", "wrong", f"{venv} is older than requirements.lock", remedy)
    else:
        yield Finding("Environment", "ok", f"{venv} is in step with requirements.lock")


def lock_in_step(home: Path = settings.ROOT) -> Iterator[Finding]:
    found = lock.problems(home / "pyproject.toml", home / "requirements.lock")
    if found:
        yield Finding("Lock", "wrong", "; ".join(found[:5]), f"In {home}: {lock.REMAKE}")
    else:
        yield Finding("Lock", "ok", "requirements.lock fits pyproject.toml")


def state_writable(state: StateFolder | None = None) -> Iterator[Finding]:
    root = (state or stack.folder()).root
    nearest = next(folder for folder in (root, *root.parents) if folder.exists())
    remedy = "Free or mend that folder, or name another one with LEADMILL_STATE=/path."
    if not nearest.is_dir():
        yield Finding("State folder", "wrong", f"{nearest} is not a folder", remedy)
    elif not os.access(nearest, os.W_OK | os.X_OK):
        yield Finding("State folder", "wrong", f"{nearest} cannot be written", remedy)
    else:
        yield Finding("State folder", "ok", f"{root} {'can be written' if nearest == root else 'can be made'}")


def disk_space(state: StateFolder | None = None) -> Iterator[Finding]:
    root = (state or stack.folder()).root
    nearest = next(folder for folder in (root, *root.parents) if folder.is_dir())
    free = shutil.disk_usage(nearest).free
    found = f"{free / 2**30:.1f} GiB free at {nearest}"
    remedy = "Free some space, or move the state with LEADMILL_STATE=/path on a larger disk."
    if free < SCARCE_BYTES:
        yield Finding("Disk", "wrong", found, remedy)
    elif free < TIGHT_BYTES:
        yield Finding("Disk", "note", found, remedy)
    else:
        yield Finding("Disk", "ok", found)


def ports_free_or_ours() -> Iterator[Finding]:
    state = stack.folder()
    remembered = ports.load(state.ports) or ports.Ports(ports.PREFERRED_POSTGRES, ports.PREFERRED_AIRFLOW)
    ours = {
        "PostgreSQL": (remembered.postgres, Server(state).running()),
        "Airflow": (remembered.airflow, supervision.alive(state)),
    }
    for name, (port, running) in ours.items():
        if running or ports.is_free(port):
            yield Finding("Ports", "ok", f"{name}: {port} is {'ours' if running else 'free'}")
        else:
            remedy = "Nothing to do: './leadmill up' takes another port. Free this one to keep the address."
            yield Finding("Ports", "note", f"{name}: port {port} is taken by another program", remedy)


MACHINE_CHECKS: tuple[Check, ...] = (
    python_version,
    environment_in_step,
    lock_in_step,
    state_writable,
    disk_space,
    ports_free_or_ours,
)
