"""The demo warehouse: tables that the loader fills, the demo clock and the list of loads."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url

from leadmill import settings

if TYPE_CHECKING:
    import pyarrow as pa

SOURCE_ROLE = "leadmill_source"

_BOOKKEEPING = """
CREATE SCHEMA IF NOT EXISTS demo;
COMMENT ON SCHEMA demo IS 'The demo warehouse''s own bookkeeping; a real warehouse has nothing like it';
CREATE TABLE IF NOT EXISTS demo.clock (
    now timestamptz NOT NULL,
    one boolean PRIMARY KEY DEFAULT true CHECK (one)
);
COMMENT ON TABLE demo.clock IS 'The demo''s present, in one row: loads and simulations move it on';
COMMENT ON COLUMN demo.clock.now IS 'Now';
COMMENT ON COLUMN demo.clock.one IS 'Keeps the table to one row';
CREATE TABLE IF NOT EXISTS demo.loads (
    load_id     int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case    text NOT NULL,
    file        text NOT NULL,
    sha256      text NOT NULL,
    read        bigint NOT NULL DEFAULT 0,
    new         bigint NOT NULL DEFAULT 0,
    changed     bigint NOT NULL DEFAULT 0,
    unchanged   bigint NOT NULL DEFAULT 0,
    recorded_at timestamptz,
    loaded_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (use_case, sha256)
);
COMMENT ON TABLE demo.loads IS 'One row per file that was loaded; the same bytes are loaded once';
COMMENT ON COLUMN demo.loads.load_id IS 'Number of the load';
COMMENT ON COLUMN demo.loads.use_case IS 'Use case';
COMMENT ON COLUMN demo.loads.file IS 'Name of the file';
COMMENT ON COLUMN demo.loads.sha256 IS 'Hash of its bytes';
COMMENT ON COLUMN demo.loads.read IS 'Rows in the file = new + changed + unchanged';
COMMENT ON COLUMN demo.loads.new IS 'Rows whose key was not there yet';
COMMENT ON COLUMN demo.loads.changed IS 'Rows that differ from the newest version of their key';
COMMENT ON COLUMN demo.loads.unchanged IS 'Rows that are there already; nothing was written for them';
COMMENT ON COLUMN demo.loads.recorded_at IS 'Demo clock at the load';
COMMENT ON COLUMN demo.loads.loaded_at IS 'Wall time';
"""


@dataclass(frozen=True)
class LoadSummary:
    """What a load did: ``read`` = ``new`` + ``changed`` + ``unchanged`` rows; ``recorded_at`` is the demo clock then.

    ``already_loaded``: the same bytes were loaded before, the figures are of that load and nothing was done now.
    """

    use_case: str
    file: str
    load_id: int
    read: int
    new: int
    changed: int
    unchanged: int
    recorded_at: datetime
    already_loaded: bool = False


@cache
def _engine(url: str) -> Engine:
    return create_engine(make_url(url).set(drivername="postgresql+psycopg"), pool_pre_ping=True, hide_parameters=True)


def warehouse_engine() -> Engine:
    """Engine (psycopg 3) of the demo warehouse, as the role that owns it."""
    return _engine(settings.current().warehouse_url)


def prepare(connection: Connection) -> None:
    """Make clock and list of loads where absent; other loads wait until this transaction ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('leadmill/demo', 0))"))
    connection.exec_driver_sql(_BOOKKEEPING)
    grant(connection, "demo", ("clock", "loads"))


def grant(connection: Connection, schema: str, tables: tuple[str, ...]) -> None:
    """Let the pipeline's role read ``tables`` of ``schema``."""
    connection.exec_driver_sql(f'GRANT USAGE ON SCHEMA "{schema}" TO {SOURCE_ROLE}')
    for table in tables:
        connection.exec_driver_sql(f'GRANT SELECT ON "{schema}"."{table}" TO {SOURCE_ROLE}')


def copy_rows(connection: Connection, table: str, rows: "pa.Table") -> None:
    """Append ``rows``; times in them that have no zone are the session's."""
    import pyarrow as pa
    from pyarrow import csv

    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    sink = pa.BufferOutputStream()
    csv.write_csv(rows, sink, csv.WriteOptions(include_header=False))
    columns = ", ".join(rows.column_names)
    with raw.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT csv)".encode()) as copy:
        copy.write(sink.getvalue())


def clock(connection: Connection) -> datetime | None:
    """The demo's present, or None before the first load."""
    moment: datetime | None = connection.execute(text("SELECT now FROM demo.clock")).scalar()
    return moment


def move_clock(connection: Connection, moment: datetime) -> None:
    """Set the clock; it never goes back."""
    connection.execute(
        text(
            "INSERT INTO demo.clock (now) VALUES (:moment) "
            "ON CONFLICT (one) DO UPDATE SET now = greatest(demo.clock.now, excluded.now)"
        ),
        {"moment": moment},
    )


def earlier_load(connection: Connection, use_case: str, sha256: str) -> LoadSummary | None:
    """The load of exactly these bytes, if there was one."""
    row = connection.execute(
        text(
            "SELECT use_case, file, load_id, read, new, changed, unchanged, recorded_at FROM demo.loads "
            "WHERE use_case = :use_case AND sha256 = :sha256"
        ),
        {"use_case": use_case, "sha256": sha256},
    ).one_or_none()
    return LoadSummary(**row._mapping, already_loaded=True) if row else None


def loaded_files(connection: Connection, use_case: str) -> list[str]:
    """Names of the files that were loaded, in that order."""
    return list(
        connection.execute(
            text("SELECT file FROM demo.loads WHERE use_case = :use_case ORDER BY load_id"), {"use_case": use_case}
        ).scalars()
    )
