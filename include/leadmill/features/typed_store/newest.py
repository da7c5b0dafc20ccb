"""The newest row per key of a Postgres source within a time window, as a query whose columns are the online table's."""

from datetime import datetime
from typing import TYPE_CHECKING

from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL
from psycopg import sql

from leadmill.features.typed_store.reserved import CREATED, EVENT
from leadmill.features.typed_store.table import OnlineColumn, OnlineTable

if TYPE_CHECKING:
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource


def newest_rows(table: OnlineTable, source: "PostgreSQLSource", start: datetime, end: datetime) -> sql.Composed:
    """Newest row per key with an event time in [start, end]; among equal ones the one created last.

    Columns are renamed by the source's field mapping and cast to the online types. Rows without a key are left out:
    nobody could ask for them.
    """
    names = {mapped: column for column, mapped in (source.field_mapping or {}).items()}

    def column_of(field: str) -> sql.Identifier:
        return sql.Identifier("found", names.get(field, field))

    keys = [column for column in table.keys if column.field != DUMMY_ENTITY_ID]
    times = [column_of(source.timestamp_field)]
    if source.created_timestamp_column:
        times.append(column_of(source.created_timestamp_column))
    selected = [
        *(_cast(column, column_of(column.field)) if column in keys else _nobody(column) for column in table.keys),
        *(_cast(column, column_of(column.field)) for column in table.features),
        sql.SQL("{}::timestamptz AS {}").format(times[0], sql.Identifier(EVENT)),
        sql.SQL("{}::timestamptz AS {}").format(
            times[1] if len(times) > 1 else sql.SQL("NULL"), sql.Identifier(CREATED)
        ),
    ]
    by_key = [sql.SQL("{}::{}").format(column_of(key.field), sql.SQL(key.kind.sql_type)) for key in keys]
    present = [sql.SQL(" AND {} IS NOT NULL").format(name) for name in by_key]
    order = [*by_key, *(sql.SQL("{} DESC NULLS LAST").format(time) for time in times)]
    one = sql.SQL("DISTINCT ON ({}) ").format(sql.SQL(", ").join(by_key)) if keys else sql.SQL("")
    return sql.SQL(
        "SELECT {one}{selected} FROM {source} AS found WHERE {event} BETWEEN {start} AND {end}{present} "
        "ORDER BY {order}{only}"
    ).format(
        one=one,
        selected=sql.SQL(", ").join(selected),
        # A table's name or a query in brackets, as the source was declared.
        source=sql.SQL(source.get_table_query_string()),
        event=times[0],
        present=sql.SQL("").join(present),
        order=sql.SQL(", ").join(order),
        only=sql.SQL("") if keys else sql.SQL(" LIMIT 1"),
        start=sql.Literal(start),
        end=sql.Literal(end),
    )


def _cast(column: OnlineColumn, name: sql.Identifier) -> sql.Composed:
    return sql.SQL("{}::{} AS {}").format(name, sql.SQL(column.kind.sql_type), sql.Identifier(column.name))


def _nobody(column: OnlineColumn) -> sql.Composed:
    """The one key of a view without entities."""
    return sql.SQL("{}::text AS {}").format(sql.Literal(DUMMY_ENTITY_VAL), sql.Identifier(column.name))
