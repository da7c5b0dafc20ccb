"""The newest row per key of a Postgres source within a time window, as a query whose columns are the online table's."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL
from psycopg import sql

from leadmill.features.typed_store.reserved import CREATED, EVENT
from leadmill.features.typed_store.table import OnlineColumn, OnlineTable

if TYPE_CHECKING:
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

# A sample is at most so many blocks, and tells the middle where it has so many rows of the window.
_BLOCKS = 1_000
_ENOUGH = 30
# Fewer rows go in as fast by one connection.
_WORTH = 3_000


@dataclass(frozen=True)
class Side:
    """Of the keys, by their first column, those below ``key`` or all others."""

    sign: Literal["<", ">="]
    key: Any


def newest_rows(
    table: OnlineTable, source: "PostgreSQLSource", start: datetime, end: datetime, side: Side | None = None
) -> sql.Composed:
    """Newest row per key with an event time in [start, end]; among equal ones the one created last.

    Columns are renamed by the source's field mapping and cast to the online types. Rows without a key are left out:
    nobody could ask for them. Only keys of ``side``, where one is given.
    """
    keys = entity_keys(table)
    times = [column_of(source, source.timestamp_field)]
    if source.created_timestamp_column:
        times.append(column_of(source, source.created_timestamp_column))
    selected = [
        *(_cast(source, column) if column in keys else _nobody(column) for column in table.keys),
        *(_cast(source, column) for column in table.features),
        sql.SQL("{}::timestamptz AS {}").format(times[0], sql.Identifier(EVENT)),
        sql.SQL("{}::timestamptz AS {}").format(
            times[1] if len(times) > 1 else sql.SQL("NULL"), sql.Identifier(CREATED)
        ),
    ]
    by_key = [typed(source, key) for key in keys]
    wanted = [sql.SQL(" AND {} IS NOT NULL").format(name) for name in by_key]
    if side:
        kind = sql.SQL(keys[0].kind.sql_type)
        wanted.append(sql.SQL(" AND {} {} {}::{}").format(by_key[0], sql.SQL(side.sign), sql.Literal(side.key), kind))
    order = [*by_key, *(sql.SQL("{} DESC NULLS LAST").format(time) for time in times)]
    one = sql.SQL("DISTINCT ON ({}) ").format(sql.SQL(", ").join(by_key)) if keys else sql.SQL("")
    return sql.SQL(
        "SELECT {one}{selected} FROM {source} AS found WHERE {event} BETWEEN {start} AND {end}{wanted} "
        "ORDER BY {order}{only}"
    ).format(
        one=one,
        selected=sql.SQL(", ").join(selected),
        # A table's name or a query in brackets, as the source was declared.
        source=sql.SQL(source.get_table_query_string()),
        event=times[0],
        wanted=sql.SQL("").join(wanted),
        order=sql.SQL(", ").join(order),
        only=sql.SQL("") if keys else sql.SQL(" LIMIT 1"),
        start=sql.Literal(start),
        end=sql.Literal(end),
    )


def middle_key(
    connection: psycopg.Connection, table: OnlineTable, source: "PostgreSQLSource", start: datetime, end: datetime
) -> Any | None:
    """About the middle one of the keys with an event time in [start, end]; None where a sample says that they are few.

    Only a table of Postgres' own kind is sampled; a query, a view or another kind of table is not.
    """
    relation = source.get_table_query_string()
    blocks = (
        "SELECT pg_relation_size(c.oid) / current_setting('block_size')::int FROM pg_class AS c JOIN pg_am AS a "
        "ON a.oid = c.relam WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'm') AND a.amname = 'heap'"
    )
    size = None if relation.startswith("(") else connection.execute(blocks, [relation]).fetchone()
    if size is None or not size[0]:
        return None
    share = min(1.0, _BLOCKS / size[0])
    found = connection.execute(
        sql.SQL(
            "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY {key}), count(*) FROM {source} AS found "
            "TABLESAMPLE SYSTEM ({percent}) WHERE {event} BETWEEN {start} AND {end} AND {key} IS NOT NULL"
        ).format(
            key=typed(source, entity_keys(table)[0]),
            source=sql.SQL(relation),
            percent=sql.Literal(100.0 * share),
            event=column_of(source, source.timestamp_field),
            start=sql.Literal(start),
            end=sql.Literal(end),
        )
    ).fetchone()
    return found[0] if found and found[1] >= max(_ENOUGH, _WORTH * share) else None


def entity_keys(table: OnlineTable) -> list[OnlineColumn]:
    """The key columns; none of a view without entities, whose one key nobody gives."""
    return [column for column in table.keys if column.field != DUMMY_ENTITY_ID]


def column_of(source: "PostgreSQLSource", field: str) -> sql.Identifier:
    """The column of the relation ``found`` that the source has for a field."""
    names = {mapped: column for column, mapped in (source.field_mapping or {}).items()}
    return sql.Identifier("found", names.get(field, field))


def typed(source: "PostgreSQLSource", column: OnlineColumn) -> sql.Composed:
    """A column of ``found`` in its online type."""
    return sql.SQL("{}::{}").format(column_of(source, column.field), sql.SQL(column.kind.sql_type))


def _cast(source: "PostgreSQLSource", column: OnlineColumn) -> sql.Composed:
    return sql.SQL("{} AS {}").format(typed(source, column), sql.Identifier(column.name))


def _nobody(column: OnlineColumn) -> sql.Composed:
    """The one key of a view without entities."""
    return sql.SQL("{}::text AS {}").format(sql.Literal(DUMMY_ENTITY_VAL), sql.Identifier(column.name))
