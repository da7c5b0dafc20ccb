"""How rows that have just come are joined: Postgres has no figures of them yet, and would guess that there is one."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

# Up to so many rows are sooner looked up than all others read.
FEW = 20_000


@contextmanager
def one_by_one(connection: Connection) -> Iterator[None]:
    """Few rows are looked up, each by an index; a LATERAL with a LIMIT makes sure that it is by the whole key."""
    with _without(connection, "hashjoin", "mergejoin", "seqscan"):
        yield


@contextmanager
def in_order(connection: Connection) -> Iterator[None]:
    """Both sides come in the order of their primary key and are merged."""
    with _without(connection, "hashjoin", "nestloop", "seqscan"):
        yield


@contextmanager
def _without(connection: Connection, *ways: str) -> Iterator[None]:
    connection.execute(text("; ".join(f"SET LOCAL enable_{way} = off" for way in ways)))
    yield
    connection.execute(text("; ".join(f"RESET enable_{way}" for way in ways)))
