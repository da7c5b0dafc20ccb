"""Facts of an event source: the accepted raw rows of a window, typed, and the entities that they name."""

import psycopg

from leadmill import names
from leadmill.quality.values import prepared, truth_name
from leadmill.spec import UseCase
from leadmill.storage.literals import pyformat


def store_facts(connection: psycopg.Connection, use_case: UseCase, window_id: int) -> None:
    """Write the window's typed facts and new entities, in the caller's transaction; again leaves the same rows."""
    facts, entities = names.facts_table(use_case), names.entities_table(use_case)
    for table in (facts, entities):
        connection.execute(f"DELETE FROM {table} WHERE window_id = %s".encode(), [window_id])
    connection.execute(pyformat(_facts_sql(use_case)).encode(), {"window": window_id})
    key = use_case.entity.key
    connection.execute(
        f"INSERT INTO {entities} ({key}, first_recorded_at, window_id) "
        f"SELECT {key}, min(recorded_at), %(window)s FROM {facts} WHERE window_id = %(window)s GROUP BY {key} "
        f"ON CONFLICT ({key}) DO NOTHING".encode(),
        {"window": window_id},
    )
    connection.execute(f"ANALYZE {facts}".encode())


def _facts_sql(use_case: UseCase) -> str:
    key, raw, rejected = use_case.entity.key, names.raw_table(use_case), names.rejected_table(use_case)
    columns = use_case.raw_columns
    typed = ", ".join(prepared(column) for column in columns)
    return (
        f"INSERT INTO {names.facts_table(use_case)} "
        f"(window_id, row_no, {key}, recorded_at, label, {', '.join(column.name for column in columns)}) "
        f"SELECT batch.window_id, batch.row_no, {use_case.entity.canonical(f'batch.{key}')}, batch.recorded_at, "
        f"({truth_name(use_case.label.name)})::int::smallint, {typed} FROM {raw} AS batch "
        f"WHERE batch.window_id = :window AND NOT EXISTS (SELECT FROM {rejected} AS r "
        "WHERE r.window_id = batch.window_id AND r.row_no = batch.row_no)"
    )
