"""Frames in and out of Postgres: ADBC for reading, COPY for writing."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql as pgsql

from leadmill import settings

if TYPE_CHECKING:
    import pandas as pd

# Rows of one batch of CSV text: a megabyte or so.
_CSV_ROWS = 8_192


def read_frame(statement: str, parameters: Sequence[Any] = ()) -> "pd.DataFrame":
    """Rows of ``statement`` ($1, $2, ... are bound to ``parameters``) as a DataFrame; times are UTC.

    NUMERIC columns must be cast to float8 in the statement.
    """
    with _cursor() as cursor:
        cursor.execute(statement, list(parameters) or None)
        frame: pd.DataFrame = cursor.fetch_arrow_table().to_pandas()
        return frame


def read_batches(statement: str, rows: int, before: Iterable[str] = ()) -> "Iterator[pd.DataFrame]":
    """Rows of ``statement`` in its order as frames of about ``rows`` rows, in bounded memory; at least one frame.

    ``before`` are statements to run first in the same transaction, which is rolled back at the end: they may fill
    temporary tables. The driver streams only statements without parameters, so literals are the caller's to bind.
    """
    import pyarrow as pa

    with _cursor() as cursor:
        for one in before:
            cursor.execute(one)
        cursor.execute(statement)
        # A reader that is left open keeps its connection, closed or not, until the garbage is collected.
        with cursor.fetch_record_batch() as reader:
            held: list[pa.RecordBatch] = []
            gave = False
            for batch in reader:
                held.append(batch)
                if sum(len(one) for one in held) >= rows:
                    yield pa.Table.from_batches(held).to_pandas()
                    held, gave = [], True
            if held or not gave:
                yield pa.Table.from_batches(held, reader.schema).to_pandas()


def copy_frame(connection: psycopg.Connection, table: str, frame: "pd.DataFrame") -> int:
    """Append ``frame`` to ``schema.table`` by COPY in the caller's transaction; returns its rows.

    NaN, NaT and None become NULL. Arrow writes the CSV, several times faster than a row at a time in binary; numbers
    are written so that they read back as the same ones.
    """
    import pyarrow as pa
    from pyarrow import csv

    columns = pgsql.SQL(", ").join(pgsql.Identifier(name) for name in frame.columns)
    command = pgsql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(pgsql.Identifier(*table.split(".")), columns)
    options = csv.WriteOptions(include_header=False, batch_size=_CSV_ROWS, quoting_style="all_valid")
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        csv.write_csv(pa.Table.from_pandas(frame, preserve_index=False), _Sink(copy), options)
    return len(frame)


class _Sink(io.RawIOBase):
    """What Arrow writes goes on to Postgres."""

    def __init__(self, copy: psycopg.Copy) -> None:
        self._copy = copy

    def writable(self) -> bool:
        return True

    def write(self, block: Any) -> int:
        self._copy.write(bytes(block))
        return len(block)


@contextmanager
def _cursor() -> Iterator[Any]:
    import adbc_driver_postgresql.dbapi as adbc

    with adbc.connect(settings.current().database_url) as connection, connection.cursor() as cursor:
        yield cursor
