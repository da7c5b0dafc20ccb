"""Facts of an event source: the accepted raw rows of a window, typed, and the entities that they name."""

import psycopg
import pyarrow as pa

from leadmill import names
from leadmill.prepare.typed import accepted_rows
from leadmill.spec import UseCase
from leadmill.storage.frames import copy_table


def store_facts(connection: psycopg.Connection, use_case: UseCase, window_id: int) -> None:
    """Write the window's typed facts and new entities, in the caller's transaction; again leaves the same rows."""
    facts, entities = names.facts_table(use_case), names.entities_table(use_case)
    for table in (facts, entities):
        connection.execute(f"DELETE FROM {table} WHERE window_id = %s".encode(), [window_id])
    for rows in accepted_rows(use_case, window_id, use_case.raw_columns):
        copy_table(connection, facts, rows.append_column("window_id", pa.array([window_id] * len(rows), pa.int64())))
    key = use_case.entity.key
    connection.execute(
        f"INSERT INTO {entities} ({key}, first_recorded_at, window_id) "
        f"SELECT {key}, min(recorded_at), %(window)s FROM {facts} WHERE window_id = %(window)s GROUP BY {key} "
        f"ON CONFLICT ({key}) DO NOTHING".encode(),
        {"window": window_id},
    )
    connection.execute(f"ANALYZE {facts}".encode())
