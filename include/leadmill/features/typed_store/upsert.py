"""Newer wins: how rows come into an online table, whatever brings them."""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from leadmill.features.typed_store.reserved import CREATED, EVENT
from leadmill.features.typed_store.table import OnlineColumn, OnlineTable

_FIRST = sql.SQL("'-infinity'::timestamptz")


def bring_in(
    connection: psycopg.Connection,
    table: OnlineTable,
    features: Sequence[OnlineColumn],
    rows: sql.Composable,
) -> int:
    """Run :func:`upsert` in the caller's transaction; how many rows were written. An empty table is filled faster."""
    if is_empty(connection, table):
        # Writers wait, readers do not. Without anything to conflict with, a plain INSERT takes two thirds of the time.
        connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(table.address))
        if is_empty(connection, table):
            return connection.execute(_insert(table, features, rows)).rowcount
    return connection.execute(upsert(table, features, rows)).rowcount


def is_empty(connection: psycopg.Connection, table: OnlineTable) -> bool:
    """Whether nothing is online yet."""
    found = connection.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(table.address)).fetchone()
    return found == (False,)


def _insert(table: OnlineTable, features: Sequence[OnlineColumn], rows: sql.Composable) -> sql.Composed:
    columns = listed(columns_of(table, features))
    return sql.SQL("INSERT INTO {} AS held ({}) {}").format(table.address, columns, rows)


def upsert(table: OnlineTable, features: Sequence[OnlineColumn], rows: sql.Composable) -> sql.Composed:
    """INSERT of ``rows``, a query whose columns are those of :func:`columns_of` and in which each key stands once.

    A row takes the place of the one held where its event time is later, or its created time among equal event times (no
    created time is the earliest); of two with equal times the one written later counts. A row that would change nothing
    is not written.
    """
    values = [column.name for column in features]
    return sql.SQL(
        "{insert} ON CONFLICT ({keys}) DO UPDATE SET {settings} "
        "WHERE {new_times} > {held_times} OR ({new_times} = {held_times} AND {differs})"
    ).format(
        insert=_insert(table, features, rows),
        keys=listed([column.name for column in table.keys]),
        settings=sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in (*values, EVENT, CREATED)
        ),
        new_times=_times("excluded"),
        held_times=_times("held"),
        differs=sql.SQL("({}) IS DISTINCT FROM ({})").format(_of("excluded", values), _of("held", values))
        if values
        else sql.SQL("false"),
    )


def columns_of(table: OnlineTable, features: Sequence[OnlineColumn]) -> list[str]:
    """Names of the columns that an upsert of these features writes, in order."""
    return [*(column.name for column in (*table.keys, *features)), EVENT, CREATED]


def listed(names: Sequence[str]) -> sql.Composed:
    """Names of columns, quoted, with commas between them."""
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)


def _times(row: str) -> sql.Composed:
    return sql.SQL("({row}.{event}, coalesce({row}.{created}, {first}))").format(
        row=sql.SQL(row),
        event=sql.Identifier(EVENT),
        created=sql.Identifier(CREATED),
        first=_FIRST,
    )


def _of(row: str, names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(row, name) for name in names)
