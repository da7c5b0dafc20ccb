"""A table's primary key built once after many rows have come, not row by row while they come."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from leadmill.storage.joins import FEW


@contextmanager
def key_afterwards(connection: Connection, table: str, incoming: str, rows: int) -> Iterator[None]:
    """Let ``rows`` rows of the table ``incoming`` join ``table`` without its primary key, and build that at the end.

    Only where they are many and take more room than all that ``table`` has: the key of a large table is not built anew
    for a few. Whoever reads ``table`` meanwhile waits for the end of the transaction; where somebody reads it already,
    or a user's view or foreign key stands on the key, the rows come as ever. Half the time of such an insert is
    otherwise spent in the key. Idea: "Populating a Database" in the manual of Postgres.
    """
    key = _set_aside(connection, table) if rows > FEW and _outweighed(connection, table, incoming) else None
    yield
    if key is not None:
        name, definition = key
        connection.execute(text(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"))


def _outweighed(connection: Connection, table: str, incoming: str) -> bool:
    found: bool = connection.execute(
        text(f"SELECT pg_relation_size('{table}') < pg_relation_size('{incoming}')")
    ).scalar_one()
    return found


def _set_aside(connection: Connection, table: str) -> tuple[str, str] | None:
    """Drop the primary key at once, never waiting for anybody; its name and definition, None where that cannot be."""
    key = connection.execute(
        text(
            "SELECT quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint "
            f"WHERE conrelid = to_regclass('{table}') AND contype = 'p'"
        )
    ).one()
    connection.execute(
        text(
            f"DO $$ BEGIN LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE NOWAIT; "
            f"ALTER TABLE {table} DROP CONSTRAINT {key.quote_ident}; "
            "EXCEPTION WHEN lock_not_available OR dependent_objects_still_exist THEN NULL; END $$"
        )
    )
    left = connection.execute(
        text(f"SELECT count(*) FROM pg_constraint WHERE conrelid = to_regclass('{table}') AND contype = 'p'")
    ).scalar_one()
    return None if left else (key[0], key[1])
