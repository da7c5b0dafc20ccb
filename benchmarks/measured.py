"""Seconds of named steps, the peak memory of a process, and how a process gives its figures to its parent."""

import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any


class Steps:
    """Seconds by step, and processor seconds of this process and the server's; a step entered again is added to.

    ``server`` is the process number of Postgres.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self.seconds: dict[str, float] = {}
        self.processor: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started, used = time.perf_counter(), self._used()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
        self.processor[name] = self.processor.get(name, 0.0) + self._used() - used

    def _used(self) -> float:
        return time.process_time() + sum(_processor(pid) for pid in (self._server, *children(self._server)))


def children(parent: int) -> list[int]:
    """Process numbers of the children that a process has now."""
    try:
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _processor(pid: int) -> float:
    """Processor seconds of a process and of its children that have ended; zero for one that has just ended itself."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    # utime, stime, cutime and cstime, see proc(5).
    return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int | str = "self") -> float:
    """Largest resident size that the process ever had, in MiB; zero for one that has just ended.

    Not getrusage: after fork and exec its figure is still the parent's.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def answer(measure: Callable[[], Any]) -> None:
    """Print what ``measure`` returns as one line of JSON; what libraries print meanwhile belongs to no answer."""
    warnings.simplefilter("ignore")
    with redirect_stdout(sys.stderr):
        found = measure()
    sys.stdout.write(json.dumps(found) + "\n")
