"""The folder beside the output in which a run keeps what it has done: parts are there whole or not at all."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import partial
from pathlib import Path

import pyarrow as pa

from leadmill.errors import LeadmillError

TYPED, BAD, SCORED = "typed", "bad", "scored"
_PLAN, _LOCK, _ARROW = "plan.json", "lock", ".arrow"


@dataclass(frozen=True)
class Plan:
    """What a run does: on which bytes, by which version, imputer and spec, at which moment, in parts of how many rows.

    A run that goes on keeps all of it, whoever has become champion meanwhile.
    """

    use_case: str
    sha256: str
    spec_version: str
    model_version: str
    imputer_version: int
    moment: str
    part_rows: int


class Work:
    """Parts of one run, by kind and number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def plan(self) -> Plan | None:
        """What the run that was begun here does, or None."""
        try:
            return Plan(**json.loads((self._folder / _PLAN).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def begin(self, plan: Plan) -> None:
        """Forget what is there and keep a plan."""
        _forget(self._folder)
        self._write(_PLAN, partial(_write_json, asdict(plan)))

    def numbers(self, kind: str) -> list[int]:
        """Numbers of the parts that are there, rising."""
        return sorted(int(file.stem.partition("-")[2]) for file in self._folder.glob(f"{kind}-*{_ARROW}"))

    def store(self, kind: str, number: int, rows: pa.Table) -> None:
        """Store a part; after this it is there whole, even if the machine stops."""
        self._write(f"{kind}-{number:012d}{_ARROW}", partial(_write_arrow, rows))

    def parts(self, kind: str) -> Iterator[pa.Table]:
        """The parts in their order, each read when it is asked for."""
        for number in self.numbers(kind):
            with pa.OSFile(str(self._folder / f"{kind}-{number:012d}{_ARROW}"), "rb") as source:
                yield pa.ipc.open_file(source).read_all()

    def new_file(self, name: str) -> Path:
        """A place for a file that is still being written, on the output's own disk."""
        return self._folder / name

    def _write(self, name: str, write: Callable[[Path], None]) -> None:
        half = self._folder / f"half-{name}"
        write(half)
        with half.open("rb") as written:
            os.fsync(written.fileno())
        half.replace(self._folder / name)


def _forget(folder: Path) -> None:
    # The plan first: to whoever comes after this was interrupted, what is left without one is nothing.
    (folder / _PLAN).unlink(missing_ok=True)
    for file in folder.iterdir():
        if file.name != _LOCK:
            file.unlink()


def _write_json(content: object, file: Path) -> None:
    file.write_text(json.dumps(content), encoding="utf-8")


def _write_arrow(rows: pa.Table, file: Path) -> None:
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)


@contextmanager
def working(output: Path) -> Iterator[Work]:
    """The work folder of an output, ours alone until the end; it goes when the block ends without an error.

    Raises LeadmillError where another process writes the same output.
    """
    folder = output.with_name(f"{output.name}.parts")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise LeadmillError(f"{folder} cannot be made: {error.strerror}.") from error
    with (folder / _LOCK).open("w") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError as error:
            raise LeadmillError(f"Another process is writing {output} at this moment.") from error
        yield Work(folder)
        _forget(folder)
        shutil.rmtree(folder)
