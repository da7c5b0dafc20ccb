"""The parts of a run put together: one file of scores and one of bad rows, each there whole or not at all."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet

from leadmill.scoring.file.reading import PARQUET
from leadmill.scoring.file.work import BAD, SCORED, Work

# Parts of a run that was killed end elsewhere; a file's row groups may not tell.
_GROUP = 50_000


def bad_rows_file(output: Path) -> Path:
    """Where the rows that cannot be scored go: ``scores.csv`` has ``scores.rejected.csv`` beside it."""
    return output.with_name(f"{output.stem}.rejected.csv")


def put_together(work: Work, output: Path) -> None:
    """Write both files from the parts, the scores last."""
    for kind, target in ((BAD, bad_rows_file(output)), (SCORED, output)):
        new = work.new_file(f"new-{kind}")
        _write(new, target.suffix.lower() == PARQUET, work.parts(kind))
        new.replace(target)


def _write(file: Path, as_parquet: bool, parts: Iterable[pa.Table]) -> None:
    with ExitStack() as open_files:
        writer: parquet.ParquetWriter | csv.CSVWriter | None = None
        for group in _groups(parts):
            if writer is None:
                writer = open_files.enter_context(
                    parquet.ParquetWriter(file, group.schema)
                    if as_parquet
                    else csv.CSVWriter(file, group.schema, write_options=csv.WriteOptions(quoting_style="needed"))
                )
            writer.write_table(group)


def _groups(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows in tables of _GROUP; at least one table."""
    held: pa.Table | None = None
    gave = False
    for part in parts:
        held = part if held is None else pa.concat_tables([held, part])
        while len(held) >= _GROUP:
            yield held.slice(0, _GROUP)
            held, gave = held.slice(_GROUP), True
    if held is not None and (len(held) or not gave):
        yield held
