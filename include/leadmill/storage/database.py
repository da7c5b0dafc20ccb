"""Connections to leadmill's own database."""

import atexit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url

from leadmill import settings


def _options(address: str) -> str:
    """Options of a session at ``address``: those that it names, and UTC, in which a day has 24 hours.

    In a zone with summer time Postgres adds days by its calendar: an age would be an hour off across a change.
    """
    return f"{conninfo_to_dict(address).get('options') or ''} -c timezone=UTC".strip()


@cache
def _engine(url: str) -> Engine:
    given = make_url(url)
    return create_engine(
        # A server that does not even refuse would be waited for as long as the kernel likes: minutes.
        given.set(drivername="postgresql+psycopg2", query={"connect_timeout": "10", **given.query}),
        pool_pre_ping=True,
        pool_size=4,
        # Parameters may be customers' values or model files: no error message shows them.
        hide_parameters=True,
        connect_args={"options": _options(url)},
    )


def engine() -> Engine:
    """The SQLAlchemy engine (psycopg2) of leadmill's database, one per process and URL."""
    return _engine(settings.current().database_url)


def copy_connection() -> psycopg.Connection:
    """A psycopg 3 connection to leadmill's database, for COPY; the caller closes it."""
    url = settings.current().database_url
    return psycopg.connect(url, client_encoding="utf8", options=_options(url))


def arrow_connection(address: str) -> Any:
    """A connection of ADBC's driver, which answers in Arrow, to a database by its URL; the caller closes it."""
    return _driver(address).adbc_clone()


@cache
def _driver(address: str) -> Any:
    """What connections are cloned from, itself closed. A driver that starts reads every type and column that Postgres
    has, for 40 ms; its clones need not.
    """
    import adbc_driver_manager
    import adbc_driver_postgresql
    from adbc_driver_manager import dbapi

    database = adbc_driver_postgresql.connect(make_conninfo(address, options=_options(address)))
    with adbc_driver_manager.AdbcConnection(database) as first:
        connection = dbapi.Connection(database, first)
    # Left to the end of the interpreter it would complain that nobody closed it.
    atexit.register(connection.close)
    return connection


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
