"""The online tables follow the feature views: made, given and rid of columns, dropped."""

import logging
from dataclasses import dataclass

import psycopg
from psycopg import sql

from leadmill.features.typed_store.reserved import CREATED, EVENT
from leadmill.features.typed_store.table import OnlineColumn, OnlineTable

log = logging.getLogger(__name__)

_TIME = "timestamp with time zone"
_TIMES = {
    EVENT: "Event time of the values; a newer one wins",
    CREATED: "When the source wrote them; among equal event times the newest wins",
}
# Room on each page for the next version of a row, so that a change touches no index.
_FILLFACTOR = 90


@dataclass(frozen=True)
class _Found:
    """A column as it is in the database; ``key`` where it belongs to the primary key."""

    type: str
    comment: str | None
    key: bool


def ensure(connection: psycopg.Connection, table: OnlineTable) -> bool:
    """Make the table what its view says; True where that needed a change. Does nothing where it is so already.

    A new feature reads null until it is materialized. A changed type is a feature gone and another one come: the column
    is dropped and added. A table with other keys, and one that Feast's own Postgres store left under this name, is
    dropped and made anew, empty: keys cannot be translated, and everything online comes from the offline store.
    """
    with connection.transaction():
        connection.execute(sql.SQL("SELECT pg_advisory_xact_lock(hashtextextended('leadmill/online ddl', 0))"))
        found = _columns(connection, table)
        if found and not _is_ours(table, found):
            log.warning("%s.%s has other keys than feature view %s: made anew", table.schema, table.name, table.view)
            drop(connection, table.schema, table.name)
            found = {}
        if not found:
            _create(connection, table)
            found = _columns(connection, table)
            _comment(connection, table, found)
            return True
        changed = _alter(connection, table, found)
        return _comment(connection, table, found) or changed


def drop(connection: psycopg.Connection, schema: str, name: str) -> None:
    """Drop a table where it is."""
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(schema, name)))


def _columns(connection: psycopg.Connection, table: OnlineTable) -> dict[str, _Found]:
    rows = connection.execute(
        """
        SELECT a.attname, format_type(a.atttypid, NULL), col_description(a.attrelid, a.attnum),
            coalesce(a.attnum = ANY (i.indkey), false)
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
        WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')
        """,
        [table.schema, table.name],
    )
    return {name: _Found(*rest) for name, *rest in rows}


def _is_ours(table: OnlineTable, found: dict[str, _Found]) -> bool:
    keys = {column.name: column.kind.sql_type for column in table.keys}
    times = {name: found[name].type for name in _TIMES if name in found}
    return {name: column.type for name, column in found.items() if column.key} == keys and times == dict.fromkeys(
        _TIMES, _TIME
    )


def _create(connection: psycopg.Connection, table: OnlineTable) -> None:
    # Asked first: IF NOT EXISTS wants the right to create even where nothing is to be created.
    if connection.execute("SELECT to_regnamespace(quote_ident($1))", [table.schema]).fetchone() == (None,):
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(table.schema)))
    columns = [
        *(sql.SQL("{} NOT NULL").format(_defined(column)) for column in table.keys),
        *(_defined(column) for column in table.features),
        *(sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(_TIME)) for name in (EVENT, CREATED)),
    ]
    connection.execute(
        sql.SQL("CREATE TABLE {} ({}, PRIMARY KEY ({})) WITH (fillfactor = {})").format(
            table.address,
            sql.SQL(", ").join(columns),
            sql.SQL(", ").join(sql.Identifier(column.name) for column in table.keys),
            sql.Literal(_FILLFACTOR),
        ),
    )
    connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table.address, sql.Literal(table.comment)))


def _alter(connection: psycopg.Connection, table: OnlineTable, found: dict[str, _Found]) -> bool:
    declared = {column.name: column for column in table.features}
    kept = {*declared, *(column.name for column in table.keys), *_TIMES}
    retyped = {name for name, column in declared.items() if name in found and found[name].type != column.kind.sql_type}
    for name in retyped:
        log.warning(
            "%s.%s.%s was %s and is declared %s: its values are dropped, materialize to fill it",
            *(table.schema, table.name, name, found[name].type, declared[name].kind.sql_type),
        )
    gone = [name for name in found if name not in kept or name in retyped]
    new = [column for name, column in declared.items() if name not in found or name in retyped]
    changes = [sql.SQL("DROP COLUMN {}").format(sql.Identifier(name)) for name in gone]
    changes += [sql.SQL("ADD COLUMN {}").format(_defined(column)) for column in new]
    if changes:
        connection.execute(sql.SQL("ALTER TABLE {} {}").format(table.address, sql.SQL(", ").join(changes)))
        for name in gone:
            del found[name]
        found |= {column.name: _Found(column.kind.sql_type, None, False) for column in new}
    return bool(changes)


def _comment(connection: psycopg.Connection, table: OnlineTable, found: dict[str, _Found]) -> bool:
    wanted = {column.name: column.comment for column in (*table.keys, *table.features)} | _TIMES
    stale = {name: comment for name, comment in wanted.items() if found[name].comment != comment}
    for name, comment in stale.items():
        column = sql.Identifier(table.schema, table.name, name)
        connection.execute(sql.SQL("COMMENT ON COLUMN {} IS {}").format(column, sql.Literal(comment)))
    return bool(stale)


def _defined(column: OnlineColumn) -> sql.Composed:
    return sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.kind.sql_type))
