"""A user's CSV file, read line by line in bounded memory, with every fault named by its line."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from leadmill.columns import slug
from leadmill.errors import FileRejected, nearest

LONGEST_LINE = 64 * 1024 * 1024
LONGEST_NAME = 63
MOST_COLUMNS = 1000
NUL_SHOWN = "\N{SYMBOL FOR NULL}"
RESERVED = ("recorded_at", "load_id", "line")
SYSTEM_COLUMNS = ("ctid", "xmin", "xmax", "cmin", "cmax", "tableoid")

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

    def header(self) -> Header:
        """The header line; call it first, and once."""
        titles = self._next()
        if titles is None:
            raise self.rejected("is empty; a header line and rows are needed")
        if len(titles) == 1:
            other = next((mark for mark in ";\t|" if mark in titles[0]), None)
            if other:
                shown = {"\t": "a tab"}.get(other, f"'{other}'")
                raise self.rejected(f"its header is separated by {shown}; a comma is needed", 1)
        columns = tuple(slug(title) for title in titles)
        self._check_names(titles, columns)
        self._width = len(columns)
        return Header(tuple(titles), columns)

    def rows(self) -> Iterator[Row]:
        """The rows after the header, in file order."""
        while (values := self._next()) is not None:
            line = self._reader.line_num
            if len(values) != self._width:
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

    def _check_names(self, titles: list[str], columns: tuple[str, ...]) -> None:
        if len(columns) > MOST_COLUMNS:
            raise self.rejected(f"has {len(columns):,} columns; at most {MOST_COLUMNS:,} can be loaded", 1)
        seen: dict[str, str] = {}
        for position, (title, column) in enumerate(zip(titles, columns, strict=True), start=1):
            if not column:
                raise self.rejected(f"header {position} ({title!r}) has no letter and no digit to name a column by", 1)
            if column in seen:
                raise self.rejected(f"the headers '{seen[column]}' and '{title}' are the same column '{column}'", 1)
            if len(column) > LONGEST_NAME:
                raise self.rejected(f"header '{title[:80]}' is longer than {LONGEST_NAME} characters", 1)
            if column in RESERVED:
                raise self.rejected(f"header '{title}' would be the column '{column}', which the loader writes", 1)
            if column in SYSTEM_COLUMNS:
                raise self.rejected(f"header '{title}' is a name that Postgres keeps for itself", 1)
            seen[column] = title


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
