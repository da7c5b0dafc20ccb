"""Rows of a run into a table of ``ops``: in place of those that the same run stored before."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text


def replace_rows(
    connection: Connection, table: str, use_case: str, run_id: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Store ``rows`` (column -> value, all of the same columns; dicts and lists of dicts as JSON text) for the run."""
    values = {"use_case": use_case, "run_id": run_id}
    connection.execute(text(f"DELETE FROM {table} WHERE use_case = :use_case AND run_id = :run_id"), values)
    if rows:
        columns = [*values, *rows[0]]
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(f':{name}' for name in columns)})"
        connection.execute(text(statement), [values | dict(row) for row in rows])
