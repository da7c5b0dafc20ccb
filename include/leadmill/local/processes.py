"""Processes as /proc shows them: who is alive, who is really the one we started, who belongs to a stack."""

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
# Every process of a stack inherits this variable, which names its state folder.
MARKER = "LEADMILL_SUPERVISED"


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    started: int  # clock ticks since boot
    boot: str

    def alive(self) -> bool:
        """True while exactly this process lives (a zombie does not)."""
        return identity(self.pid) == self


def boot_id() -> str:
    """Changes at each boot of the machine."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def identity(pid: int) -> Identity | None:
    """The living process of that number, None when there is none."""
    found = _stat(pid)
    if found is None or found[0] in ("Z", "X"):
        return None
    return Identity(pid, int(found[19]), boot_id())


def session_members(session: int) -> list[int]:
    """The living processes of a session."""
    found = ((pid, _stat(pid)) for pid in _pids())
    return [pid for pid, stat in found if stat is not None and int(stat[3]) == session and stat[0] not in ("Z", "X")]


def works_in(pid: int, folder: Path) -> bool | None:
    """Whether ``folder`` is the working folder of a process; None where it is gone or may not be looked at."""
    try:
        return (PROC / str(pid) / "cwd").samefile(folder)
    except OSError:
        return None


def all_in(folder: Path) -> list[int]:
    """The living processes whose working folder that is, as far as they may be looked at."""
    return [pid for pid in _pids() if works_in(pid, folder)]


def marked(state: Path) -> list[int]:
    """The living processes of the stack in ``state``, without this process."""
    wanted = f"{MARKER}={state}".encode()
    members = []
    for pid in _pids():
        try:
            variables = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
        except OSError:  # gone meanwhile, or another user's
            continue
        if wanted in variables and pid != os.getpid() and identity(pid) is not None:
            members.append(pid)
    return members


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, 0 when it is gone."""
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each process that still exists."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def sweep(state: Path, seconds: float = 10.0) -> list[int]:
    """Kill what is left of the stack in ``state``, also what is born meanwhile; those that would not die."""
    deadline = time.monotonic() + seconds
    while left := marked(state):
        if time.monotonic() > deadline:
            return left
        send(left, signal.SIGKILL)
        time.sleep(0.05)
    return []


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir(PROC) if entry.isdigit()]


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third (state) on; the second may contain anything."""
    try:
        return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
