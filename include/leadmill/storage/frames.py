"""Frames in and out of Postgres: ADBC for reading, binary COPY for writing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql as pgsql

from leadmill import settings

if TYPE_CHECKING:
    import pandas as pd


def read_frame(statement: str, parameters: Sequence[Any] = ()) -> "pd.DataFrame":
    """Rows of ``statement`` ($1, $2, ... are bound to ``parameters``) as a DataFrame; times are UTC.

    NUMERIC columns must be cast to float8 in the statement.
    """
    import adbc_driver_postgresql.dbapi as adbc

    with adbc.connect(settings.current().database_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement, list(parameters) or None)
        frame: pd.DataFrame = cursor.fetch_arrow_table().to_pandas()
        return frame


def copy_frame(connection: psycopg.Connection, table: str, frame: "pd.DataFrame") -> int:
    """Append ``frame`` to ``schema.table`` by binary COPY in the caller's transaction; returns its rows.

    NaN and NaT become NULL only in columns of objects and times; floats keep NaN out by contract.
    """
    identifier = pgsql.Identifier(*table.split("."))
    columns = pgsql.SQL(", ").join(pgsql.Identifier(name) for name in frame.columns)
    with connection.cursor() as cursor:
        cursor.execute(pgsql.SQL("SELECT {} FROM {} LIMIT 0").format(columns, identifier))
        types = [column.type_code for column in cursor.description or ()]
        command = pgsql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(identifier, columns)
        with cursor.copy(command) as copy:
            copy.set_types(types)
            values = [_python_values(frame[name]) for name in frame.columns]
            for row in zip(*values, strict=True):
                copy.write_row(row)
    return len(frame)


def _python_values(column: "pd.Series[Any]") -> list[Any]:
    values = column.astype(object)
    return values.where(column.notna(), None).tolist()
