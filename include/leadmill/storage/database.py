"""Connections to leadmill's own database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import psycopg
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url

from leadmill import settings


@cache
def _engine(url: str) -> Engine:
    # Parameters may be customers' values or model files: no error message shows them.
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg2"), pool_pre_ping=True, pool_size=4, hide_parameters=True
    )


def engine() -> Engine:
    """The SQLAlchemy engine (psycopg2) of leadmill's database, one per process and URL."""
    return _engine(settings.current().database_url)


def copy_connection() -> psycopg.Connection:
    """A psycopg 3 connection to leadmill's database, for COPY; the caller closes it."""
    return psycopg.connect(settings.current().database_url, client_encoding="utf8")


@contextmanager
def use_case_lock(use_case: str, waits: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold the advisory lock of a use case: concurrent writers of its windows and features wait here.

    The lock belongs to a connection of its own, so the server frees it when this process dies. ``waits`` is called
    first where somebody else holds it. A name with a slash after the use case's is a lock of its own.
    """
    with engine().connect() as connection:
        if not _lock(connection, "pg_try_advisory_lock", use_case):
            waits()
            _lock(connection, "pg_advisory_lock", use_case)
        try:
            yield
        finally:
            _lock(connection, "pg_advisory_unlock", use_case)


def _lock(connection: Connection, function: str, use_case: str) -> bool:
    """What the function answers, where it answers anything."""
    key = {"key": f"leadmill/{use_case}"}
    answer = connection.execute(text(f"SELECT {function}(hashtextextended(:key, 0))"), key).scalar()
    connection.commit()
    return bool(answer)
