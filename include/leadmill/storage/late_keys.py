"""A table's primary key built once after many rows have come, not row by row while they come."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from leadmill.storage.joins import FEW


@contextmanager
def key_afterwards(connection: Connection, table: str, rows: int) -> Iterator[None]:
    """Let ``rows`` rows join ``table`` without its primary key, and build that at the end.

    Only where they are many and more than all that ``table`` has: the key of a large table is not built anew for a few.
    Whoever reads ``table`` meanwhile waits for the end of the transaction. Where somebody reads it already, and where a
    user's view, foreign key, publication or option stands on the key, the rows come as ever. A third of the time of
    such an insert is otherwise spent in the key. Idea: "Populating a Database" in the manual of Postgres.
    """
    key = _set_aside(connection, table) if rows > FEW and _outweighed(connection, table, rows) else None
    yield
    if key is not None:
        name, definition = key
        connection.execute(text(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"))


def _outweighed(connection: Connection, table: str, rows: int) -> bool:
    fewer = f"SELECT count(*) < :rows FROM (SELECT FROM {table} LIMIT :rows) AS held"
    found: bool = connection.execute(text(fewer), {"rows": rows}).scalar_one()
    return found


def _set_aside(connection: Connection, table: str) -> tuple[str, str] | None:
    """Drop the primary key at once, never waiting for anybody; its name and definition, None where that cannot be."""
    key = connection.execute(
        text(
            "SELECT quote_ident(k.conname), pg_get_constraintdef(k.oid) FROM pg_constraint AS k "
            "JOIN pg_index AS i ON i.indexrelid = k.conindid JOIN pg_class AS c ON c.oid = i.indexrelid "
            "WHERE k.conrelid = to_regclass(:table) AND k.contype = 'p' AND c.reloptions IS NULL "
            "AND c.reltablespace = 0 AND NOT i.indisclustered AND NOT i.indisreplident "
            "AND obj_description(k.oid, 'pg_constraint') IS NULL "
            "AND NOT EXISTS (SELECT FROM pg_publication AS p, pg_get_publication_tables(p.pubname) AS t "
            "WHERE t.relid = k.conrelid)"
        ),
        {"table": table},
    ).one_or_none()
    if key is None:
        return None
    connection.execute(
        text(
            f"DO $$ BEGIN LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE NOWAIT; ALTER TABLE {table} DROP CONSTRAINT "
            f"{key[0]}; EXCEPTION WHEN lock_not_available OR dependent_objects_still_exist THEN NULL; END $$"
        )
    )
    left = connection.execute(
        text("SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass(:table) AND contype = 'p')"),
        {"table": table},
    ).scalar_one()
    return None if left else (key[0], key[1])
