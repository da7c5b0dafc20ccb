"""Frames in and out of Postgres: ADBC for reading, COPY for writing."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import sql as pgsql

from leadmill import settings
from leadmill.storage.binary_rows import HEADER, TRAILER, binary_rows
from leadmill.storage.database import arrow_connection

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_Rows = TypeVar("_Rows")
_Given = TypeVar("_Given")
# Rows that are written at a time: some megabytes.
_COPIED_ROWS = 16_384


def read_frame(statement: str, parameters: Sequence[Any] = ()) -> "pd.DataFrame":
    """Rows of ``statement`` ($1, $2, ... are bound to ``parameters``) as a DataFrame; times are UTC.

    NUMERIC columns must be cast to float8 in the statement.
    """
    with _cursor() as cursor:
        cursor.execute(statement, list(parameters) or None)
        frame: pd.DataFrame = cursor.fetch_arrow_table().to_pandas()
        return frame


def read_batches(
    statement: str, rows: int, before: Iterable[str] = (), given: "tuple[str, Iterable[pa.Table]] | None" = None
) -> "Generator[pa.Table, None, None]":
    """Rows of ``statement`` in its order as tables of about ``rows`` rows, in bounded memory; at least one table.

    ``before`` are statements to run first in the same transaction, which is rolled back at the end: they may fill
    temporary tables. ``given`` names a temporary table and what it holds. The driver streams only statements without
    parameters, so literals are the caller's to bind. The next table is read while the caller works on one.
    """
    return ahead(_batches(statement, rows, before, given))


def _batches(
    statement: str, rows: int, before: Iterable[str], given: "tuple[str, Iterable[pa.Table]] | None"
) -> "Generator[pa.Table, None, None]":
    import pyarrow as pa

    with _cursor() as cursor:
        if given:
            _ingest(cursor, *given)
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
                    yield pa.Table.from_batches(held)
                    held, gave = [], True
            if held or not gave:
                yield pa.Table.from_batches(held, reader.schema)


def _ingest(cursor: Any, table: str, rows: "Iterable[pa.Table]") -> None:
    import pyarrow as pa

    following = iter(rows)
    first = next(following)
    batches = (batch for one in chain([first], following) for batch in one.to_batches())
    reader = pa.RecordBatchReader.from_batches(first.schema, batches)
    cursor.adbc_ingest(table, reader, mode="create", temporary=True)


def ahead(batches: "Generator[_Rows, None, None]") -> "Generator[_Rows, None, None]":
    """The same batches; each is read in a thread while the caller works on the one before."""
    with ThreadPoolExecutor(1) as reader:
        try:
            coming = reader.submit(next, batches, None)
            while (batch := coming.result()) is not None:
                coming = reader.submit(next, batches, None)
                yield batch
        finally:
            coming.exception()
            reader.submit(batches.close).result()


def side_by_side(make: Callable[[_Given], _Rows], given: Iterable[_Given], threads: int) -> Iterator[_Rows]:
    """``make`` of each, in order; so many are made at a time while the caller works on the one before."""
    with ThreadPoolExecutor(threads) as makers:
        coming: deque[Future[_Rows]] = deque()
        try:
            for one in given:
                coming.append(makers.submit(make, one))
                if len(coming) > threads:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            for left in coming:
                left.cancel()


def copy_tables(connection: psycopg.Connection, table: str, tables: "Iterable[pa.Table]") -> int:
    """:func:`copy_table` of each, in a thread while the next is made; meanwhile nobody else uses ``connection``."""
    with ThreadPoolExecutor(1) as writer:
        written, last = 0, None
        for part in tables:
            written += last.result() if last else 0
            last = writer.submit(copy_table, connection, table, part)
        return written + (last.result() if last else 0)


def copy_table(connection: psycopg.Connection, table: str, rows: "pa.Table") -> int:
    """Append ``rows`` to ``schema.table`` by binary COPY in the caller's transaction; returns how many they are.

    Values are converted to the types of the table's columns where nothing is lost.
    """
    columns = pgsql.SQL(", ").join(pgsql.Identifier(name) for name in rows.column_names)
    into = pgsql.Identifier(*table.split("."))
    described = connection.execute(pgsql.SQL("SELECT {} FROM {} LIMIT 0").format(columns, into)).description or []
    types = [connection.adapters.types[column.type_code].name for column in described]
    with connection.cursor().copy(pgsql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(into, columns)) as copy:
        copy.write(HEADER)
        for part in rows.to_batches(max_chunksize=_COPIED_ROWS):
            copy.write(binary_rows(part, types))
        copy.write(TRAILER)
    return len(rows)


@contextmanager
def _cursor() -> Iterator[Any]:
    with arrow_connection(settings.current().database_url) as connection, connection.cursor() as cursor:
        yield cursor
