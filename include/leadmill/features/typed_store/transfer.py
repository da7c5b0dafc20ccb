"""The rows of a materialization, from where the source is to where the online table is."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres import PostgreSQLOfflineStoreConfig
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource
from psycopg import sql

from leadmill.features.typed_store.arrow import latest_rows
from leadmill.features.typed_store.connections import Connections, connection_arguments
from leadmill.features.typed_store.newest import Side, entity_keys, middle_key, newest_rows
from leadmill.features.typed_store.table import OnlineTable
from leadmill.features.typed_store.upsert import bring_in, is_empty
from leadmill.features.typed_store.write import begin_incoming, copy_incoming, end_incoming, write_rows

if TYPE_CHECKING:
    from feast import RepoConfig
    from feast.infra.common.materialization_job import MaterializationTask

# A first load sorts the whole source; spilled to disk it takes a third longer.
_SORT_MEGABYTES = 256


def transfer(
    config: "RepoConfig", offline_store: Any, connections: Connections, table: OnlineTable, task: "MaterializationTask"
) -> int:
    """Bring the newest rows of the task's time window online; how many were written.

    Within one database it is one statement, or two side by side, each for half of the keys and in a transaction of its
    own. From another Postgres the rows stream from COPY to COPY. Any other offline store gives its rows as Arrow, which
    are written batch by batch.
    """
    source = task.feature_view.batch_source
    in_postgres = isinstance(config.offline_store, PostgreSQLOfflineStoreConfig)
    # A source with a connection of its own is Feast's to find.
    if in_postgres and isinstance(source, PostgreSQLSource) and not source.connection_ref:
        if _same_database(config):
            return _push_down(config, connections, table, source, task)
        newest = newest_rows(table, source, task.start_time, task.end_time)
        return connections.run(lambda connection: _stream(connection, config, table, newest))
    rows = latest_rows(config, offline_store, task)
    return connections.run(lambda connection: _write(connection, table, rows))


def _same_database(config: "RepoConfig") -> bool:
    """Whether the online store's role sees the source as the offline store's does."""
    ours = ("host", "port", "database", "user")
    return all(getattr(config.offline_store, name) == getattr(config.online_store, name) for name in ours)


def _push_down(
    config: "RepoConfig",
    connections: Connections,
    table: OnlineTable,
    source: PostgreSQLSource,
    task: "MaterializationTask",
) -> int:
    within = (table, source, task.start_time, task.end_time)
    middle = connections.run(lambda connection: _middle(connection, config, *within))
    sides = [None] if middle is None else [Side("<", middle), Side(">=", middle)]

    def push(side: Side | None) -> int:
        newest, megabytes = newest_rows(*within, side), _SORT_MEGABYTES // len(sides)
        return connections.run(lambda connection: _upsert(connection, config, table, newest, megabytes))

    with ThreadPoolExecutor(1) as beside:
        others = [beside.submit(push, side) for side in sides[1:]]
        return push(sides[0]) + sum(other.result() for other in others)


def _middle(
    connection: psycopg.Connection,
    config: "RepoConfig",
    table: OnlineTable,
    source: PostgreSQLSource,
    start: datetime,
    end: datetime,
) -> Any | None:
    """The key that parts the rows in two, told by a sample; None where they are few or the table is empty.

    Half the time of a large upsert is spent in the index of the keys, which two connections do side by side.
    """
    # One is left to whoever else of this process uses the store.
    if config.online_store.max_conn < 3 or not entity_keys(table) or is_empty(connection, table):
        return None
    with connection.transaction():
        _look_where_the_offline_store_looks(connection, config)
        return middle_key(connection, table, source, start, end)


def _upsert(
    connection: psycopg.Connection, config: "RepoConfig", table: OnlineTable, newest: sql.Composed, megabytes: int
) -> int:
    with connection.transaction():
        _look_where_the_offline_store_looks(connection, config)
        connection.execute(f"SET LOCAL work_mem = '{megabytes}MB'")
        return bring_in(connection, table, table.features, newest)


def _stream(connection: psycopg.Connection, config: "RepoConfig", table: OnlineTable, newest: sql.Composed) -> int:
    give = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(newest)
    take = copy_incoming(table, table.features)
    with psycopg.connect(**connection_arguments(config.offline_store)) as source, connection.transaction():
        _look_where_the_offline_store_looks(source, config)
        begin_incoming(connection, table, table.features)
        with (
            source.cursor().copy(give) as given,
            connection.cursor().copy(take) as taken,
        ):
            for block in given:
                taken.write(block)
        return end_incoming(connection, table, table.features)


def _write(connection: psycopg.Connection, table: OnlineTable, rows: Any) -> int:
    with connection.transaction():
        return write_rows(connection, table, table.features, rows)


def _look_where_the_offline_store_looks(connection: psycopg.Connection, config: "RepoConfig") -> None:
    """A source's table may be named without its schema."""
    path = f"{config.offline_store.db_schema},public"
    connection.execute("SELECT set_config('search_path', $1, true)", [path])
