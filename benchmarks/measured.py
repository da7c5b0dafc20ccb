"""Seconds of named steps, the peak memory of a process, and how a process gives its figures to its parent."""

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any


class Steps:
    """Seconds by step; a step that is entered again is added to."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


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
