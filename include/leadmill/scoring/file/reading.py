"""The rows of a CSV or Parquet file as text, some ten thousand at a time, under the names of the spec."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from leadmill.errors import FileRejected
from leadmill.storage.csv_file import CsvFile, Header, Progress, check_names

CSV, PARQUET = ".csv", ".parquet"
SUFFIXES = (CSV, PARQUET)


@dataclass(frozen=True)
class Part:
    """Some rows in the order of the file, the ``number``-th of its parts: every column as text, empty ones null.

    ``first`` is the position of the first row, from 1, ``lines`` where each row ends in the file. ``faults`` are rows
    that are none: position in the part, and why; their texts are as far as they go.
    """

    number: int
    first: int
    lines: list[int]
    columns: dict[str, pa.Array]
    faults: dict[int, str]

    def __len__(self) -> int:
        return len(self.lines)


class Rows:
    """Header and parts of a file that is open."""

    def __init__(self, header: Header, parts: Iterator[Part]) -> None:
        self.header, self.parts = header, parts


@contextmanager
def opened(path: Path, size: int, after: int, progress: Progress) -> Iterator[Rows]:
    """The file's rows in parts of ``size``, the first ``after`` parts left out; by its suffix CSV or Parquet.

    ``progress`` is called with the bytes read since the last call. Raises FileRejected for what cannot be read at all;
    of a CSV row with too few or too many fields only that row is lost.
    """
    if path.suffix.lower() == PARQUET:
        with _reading(path):
            file = pq.ParquetFile(path)
        with file:
            header = _parquet_header(path, file)
            yield Rows(header, _parquet_parts(path, file, header, size, after, progress))
    else:
        with CsvFile(path, progress) as csv:
            header = csv.header(reserved=())
            yield Rows(header, _csv_parts(csv, header, size, after))


def _csv_parts(file: CsvFile, header: Header, size: int, after: int) -> Iterator[Part]:
    rows = file.rows(ragged=True)
    held: list[tuple[str | None, ...]] = []
    lines: list[int] = []
    faults: dict[int, str] = {}
    number, width = 0, len(header.columns)
    for row in rows:
        if number >= after and len(row.values) != width:
            faults[len(lines)] = f"has {len(row.values)} fields, the header has {width}"
            row_values = (*row.values[:width], *[None] * (width - len(row.values)))
        else:
            row_values = row.values
        lines.append(row.line)
        if number >= after:
            held.append(row_values)
        if len(lines) == size:
            if number >= after:
                yield _csv_part(header, number, size, lines, held, faults)
            number, held, lines, faults = number + 1, [], [], {}
    if lines and number >= after:
        yield _csv_part(header, number, size, lines, held, faults)


def _csv_part(
    header: Header,
    number: int,
    size: int,
    lines: list[int],
    held: list[tuple[str | None, ...]],
    faults: dict[int, str],
) -> Part:
    columns = {
        name: pa.array(values, pa.string())
        for name, values in zip(header.columns, zip(*held, strict=True), strict=True)
    }
    return Part(number, number * size + 1, lines, columns, faults)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What fails in the block is said of this file: only its reading belongs there, not what becomes of its rows."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        said = str(error).splitlines()[0][:200]
        raise FileRejected(str(path), f"cannot be read as Parquet ({said})") from error


def _parquet_header(path: Path, file: pq.ParquetFile) -> Header:
    for field in file.schema_arrow:
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            raise FileRejected(str(path), f"column '{field.name}' is of type {field.type}; a plain value is needed")
    titles = tuple(file.schema_arrow.names)
    return Header(titles, check_names(str(path), titles, reserved=()))


def _parquet_parts(
    path: Path, file: pq.ParquetFile, header: Header, size: int, after: int, progress: Progress
) -> Iterator[Part]:
    total, bytes_in, first = file.metadata.num_rows, path.stat().st_size, 1
    # A batch may be smaller: one with categories ends with its row group.
    for number, batch in enumerate(_batches(path, file, size)):
        progress(bytes_in * len(batch) // max(total, 1))
        if number >= after:
            with _reading(path):
                columns = {name: _text(values) for name, values in zip(header.columns, batch.columns, strict=True)}
            yield Part(number, first, list(range(first, first + len(batch))), columns, {})
        first += len(batch)


def _batches(path: Path, file: pq.ParquetFile, size: int) -> Iterator[pa.RecordBatch]:
    with _reading(path):
        yield from file.iter_batches(size)


def _text(values: Any) -> pa.Array:
    """Values as a source would write them: what is no number is missing, a whole number has no decimals."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))
    texts = values.cast(pa.string())
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
