"""A user's CSV file, read line by line in bounded memory, with every fault named by its line."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from leadmill.columns import slug
from leadmill.errors import FileRejected, nearest
from leadmill.names import SYSTEM_COLUMNS

LONGEST_LINE = 64 * 1024 * 1024
LONGEST_NAME = 63
MOST_COLUMNS = 1000
NUL_SHOWN = "\N{SYMBOL FOR NULL}"
RESERVED = ("recorded_at", "load_id", "line")

_NUMBER = re.compile(r"[+-]?[0-9]*[.,]?[0-9]+([eE][+-]?[0-9]+)?")

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Header:
    """The header line: names as written, and the warehouse columns they become."""

    titles: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One row of the file; an empty field is None. ``line`` is where it ends (a quoted field may hold line breaks)."""

    line: int
    values: tuple[str | None, ...]


def fingerprint(file: Path) -> str:
    """SHA-256 of the file's bytes. Raises FileRejected when it cannot be read."""
    digest = sha256()
    try:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise FileRejected(str(file), f"cannot be read ({error.strerror})") from error
    return digest.hexdigest()


class CsvFile:
    """Header and rows of a comma-separated UTF-8 file; use as ``with CsvFile(path) as file``.

    Lines may end in LF or CR LF, in one file both. Numbers are text here: one with a decimal comma is refused later, by
    the rule of its column.

    A byte order mark is dropped, a NUL byte becomes the visible character U+2400 and empty lines are skipped.
    Everything else that is not plain CSV raises FileRejected with its line: bytes that are not UTF-8, another
    delimiter, a quote that never closes, a row with more or fewer fields than the header, a header that is empty,
    repeated or too long. Guessing how such a row was meant would put values under wrong columns.
    """

    def __init__(self, path: Path, progress: Progress = lambda _: None) -> None:
        self.path = path
        self._progress = progress
        # The module's own limit (128 KiB) is for the whole process; a line is limited below.
        csv.field_size_limit(LONGEST_LINE)

    def __enter__(self) -> "CsvFile":
        try:
            self._stream = self.path.open("rb")
        except OSError as error:
            raise FileRejected(str(self.path), f"cannot be read ({error.strerror})") from error
        self._reader = csv.reader(self._lines(), strict=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def header(self, reserved: Sequence[str] = RESERVED) -> Header:
        """The header line; call it first, and once. No column may have a name of ``reserved``."""
        titles = self._next()
        if titles is None:
            raise self.rejected("is empty; a header line and rows are needed")
        if len(titles) == 1:
            other = next((mark for mark in ";\t|" if mark in titles[0]), None)
            if other:
                shown = {"\t": "a tab"}.get(other, f"'{other}'")
                raise self.rejected(f"its header is separated by {shown}; a comma is needed", 1)
        if all(_NUMBER.fullmatch(title.strip()) for title in titles):
            raise self.rejected(
                "holds numbers only; a header line with the columns' names is needed before the rows", 1
            )
        columns = check_names(str(self.path), titles, reserved)
        self._width = len(columns)
        return Header(tuple(titles), columns)

    def rows(self, ragged: bool = False) -> Iterator[Row]:
        """The rows after the header, in file order; ``ragged``: also those with more or fewer fields than it has."""
        while (values := self._next()) is not None:
            line = self._reader.line_num
            if len(values) != self._width and not ragged:
                raise self.rejected(f"has {len(values)} fields, the header has {self._width}", line)
            yield Row(line, tuple(value or None for value in values))

    def rejected(self, problem: str, line: int | None = None) -> FileRejected:
        """The error to raise for this file."""
        return FileRejected(str(self.path), problem, line)

    def _next(self) -> list[str] | None:
        try:
            for values in self._reader:
                if values:
                    return values
        except csv.Error as error:
            raise self.rejected(f"is not valid CSV ({error})", self._reader.line_num) from error
        return None

    def _lines(self) -> Iterator[str]:
        number = 0
        while raw := self._stream.readline(LONGEST_LINE + 1):
            number += 1
            if len(raw) > LONGEST_LINE:
                raise self.rejected(f"is longer than {LONGEST_LINE >> 20} MiB", number)
            self._progress(len(raw))
            if number == 1 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise self.rejected("is UTF-16; save it as UTF-8", number)
            try:
                # Only the first line may begin with a byte order mark; elsewhere it is a character like others.
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                byte = raw[error.start]
                problem = f"byte 0x{byte:02x} at position {error.start + 1} is not UTF-8; save the file as UTF-8"
                raise self.rejected(problem, number) from error
            yield text.replace("\x00", NUL_SHOWN)


def check_names(file: str, titles: Sequence[str], reserved: Sequence[str] = RESERVED) -> tuple[str, ...]:
    """The columns that these headers become. Raises FileRejected where one cannot be a column, or two are the same."""

    def refuse(problem: str) -> FileRejected:
        return FileRejected(file, problem, 1)

    if len(titles) > MOST_COLUMNS:
        raise refuse(f"has {len(titles):,} columns; at most {MOST_COLUMNS:,} can be read")
    seen: dict[str, str] = {}
    for position, title in enumerate(titles, start=1):
        column = slug(title)
        if not column:
            raise refuse(f"header {position} ({title!r}) has no letter and no digit to name a column by")
        if column in seen:
            raise refuse(f"the headers '{seen[column]}' and '{title}' are the same column '{column}'")
        if len(column) > LONGEST_NAME:
            raise refuse(f"header '{title[:80]}' is longer than {LONGEST_NAME} characters")
        if column in reserved:
            raise refuse(f"header '{title}' would be the column '{column}', which the loader writes")
        if column in SYSTEM_COLUMNS:
            raise refuse(f"header '{title}' is a name that Postgres keeps for itself")
        seen[column] = title
    return tuple(seen)


def check_same_columns(file: CsvFile, header: Header, known: dict[str, str]) -> None:
    """Raises FileRejected unless the header has exactly the columns ``known`` (column -> header as first loaded)."""
    titles = dict(zip(header.columns, header.titles, strict=True))
    missing = [column for column in known if column not in titles]
    unknown = [column for column in titles if column not in known]
    if missing:
        raise file.rejected(f"column '{known[missing[0]]}' is missing{_instead(missing[0], unknown, titles)}", 1)
    if unknown:
        near = nearest(unknown[0], known)
        hint = f"; did you mean '{known[near]}'?" if near else ""
        raise file.rejected(f"column '{titles[unknown[0]]}' is not one of the table's{hint}", 1)


def _instead(column: str, candidates: list[str], titles: dict[str, str]) -> str:
    near = nearest(column, candidates)
    return f"; the file has '{titles[near]}' instead" if near else ""
