"""Pooled connections to the online store's server: safe over a fork, and a dead one never fails two calls."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from leadmill.features.typed_store.errors import OnlineStoreUnreachable

if TYPE_CHECKING:
    from feast.infra.utils.postgres.postgres_config import PostgreSQLConfig

Result = TypeVar("Result")
Pool = ConnectionPool[psycopg.Connection]

_WAIT = 10.0
# By process and server. A pool that came over a fork stays here unused: its sockets and threads are the parent's. And a
# pool that is collected may be collected by a thread of its own, which then waits for itself.
_pools: dict[tuple[int, str], Pool] = {}


class Connections:
    """The connections to one online store's server, opened at the first use; all stores of a process share them."""

    def __init__(self, config: "PostgreSQLConfig") -> None:
        self._config = config
        self._server = config.model_dump_json()

    def run(self, action: Callable[[psycopg.Connection], Result]) -> Result:
        """``action`` on a pooled connection in autocommit mode.

        Where the connection turns out to be dead, or holds a plan for a table that has changed since, it is closed and
        ``action`` runs once more on another: it must leave the same when it runs twice. Raises OnlineStoreUnreachable.
        """
        pool = self._pool()
        try:
            with pool.connection() as connection:
                try:
                    return action(connection)
                except psycopg.Error as error:
                    if not connection.closed and not _plan_outdated(error):
                        raise
                    connection.close()
            pool.check()
            with pool.connection() as connection:
                return action(connection)
        except PoolTimeout as error:
            config = self._config
            where = f"{config.host}:{config.port}/{config.database}"
            raise OnlineStoreUnreachable(where, _WAIT, config.max_conn) from error

    def close(self) -> None:
        """Close what this process opened; the next use opens anew."""
        pool = _pools.pop((os.getpid(), self._server), None)
        if pool is not None:
            pool.close()

    def _pool(self) -> Pool:
        address = (os.getpid(), self._server)
        pool = _pools.get(address)
        if pool is None:
            # Of two threads that come at once one makes the pool that both use; the other's was never opened.
            pool = _pools.setdefault(address, self._new())
            pool.open()
        return pool

    def _new(self) -> Pool:
        config = self._config
        return ConnectionPool(
            kwargs={**connection_arguments(config), "autocommit": True},
            min_size=min(config.min_conn, config.max_conn),
            max_size=config.max_conn,
            timeout=_WAIT,
            num_workers=1,
            open=False,
        )


def connection_arguments(config: "PostgreSQLConfig") -> dict[str, Any]:
    """What psycopg needs for a connection to an online or offline Postgres store; its times are UTC."""
    return {
        "host": config.host,
        "port": config.port,
        "dbname": config.database,
        "user": config.user,
        "password": config.password,
        "sslmode": config.sslmode,
        "sslkey": config.sslkey_path,
        "sslcert": config.sslcert_path,
        "sslrootcert": config.sslrootcert_path,
        "keepalives_idle": config.keepalives_idle,
        "connect_timeout": int(_WAIT),
        "application_name": "feast",
        "client_encoding": "utf8",
        "options": "-c timezone=UTC",
        # Values are bound as $1: names may hold any sign, % as well.
        "cursor_factory": psycopg.RawCursor,
    }


def _plan_outdated(error: psycopg.Error) -> bool:
    return isinstance(error, psycopg.errors.FeatureNotSupported) and "cached plan" in str(error)
