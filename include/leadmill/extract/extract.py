"""Extract: the source's rows of one window, as text, into ``raw.<use case>``."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from psycopg import sql as pgsql
from sqlalchemy import text

from leadmill import names
from leadmill.errors import SourceColumnsChanged
from leadmill.extract.passing import time_brings_moments
from leadmill.extract.windows import Window, block, close_empty, open_window
from leadmill.faults import kill_point
from leadmill.spec import UseCase
from leadmill.storage.database import copy_connection, engine, use_case_lock
from leadmill.storage.ddl import ensure_tables
from leadmill.storage.literals import pyformat
from leadmill.storage.source import source_connection, unreachable

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Extraction:
    """What one extraction read; ``window`` is None where the source's clock has not moved.

    ``empty``: there is nothing to do, neither new rows nor, in an event source, features that time alone may change.
    """

    window: Window | None
    read: int
    new: int
    empty: bool
    null_watermark: int = 0

    def describe(self) -> str:
        """One readable line for a task log."""
        lost = f" {self.null_watermark:,} rows of the source have no watermark: no window can read them."
        return f"Read {self.read:,} rows, {self.new:,} of them new.{lost if self.null_watermark else ''}"


def extract(use_case: UseCase, run_id: str) -> Extraction:
    """Read the next window (or the unpublished one again, extended) into ``raw.<use case>``.

    Rows that an earlier window holds already (same key, same content, same recorded time) are counted and left out.
    Running it again leaves the same rows. Raises SourceUnreachable and SourceColumnsChanged; then nothing is left.
    """
    ensure_tables(use_case)
    with use_case_lock(use_case.name), source_connection(use_case) as source:
        window = open_window(use_case, run_id)
        if window is None:
            return Extraction(None, 0, 0, empty=True)
        query = _window_query(use_case, window)
        source.execute(pgsql.SQL("SET TIME ZONE {}").format(pgsql.Literal(use_case.source.timezone)))
        _check_columns(use_case, window, source, query)
        nulls = _null_watermarks(use_case, source)
        with copy_connection() as target:
            try:
                read, new = _copy(use_case, window, source, target, query)
            except psycopg.OperationalError as error:
                if source.broken:
                    raise unreachable(use_case, error) from error
                raise
            kill_point("extract.copied")
        with engine().begin() as connection:
            connection.execute(
                text(
                    "UPDATE ops.windows SET read = :read, already_seen = :seen, null_watermark = :nulls "
                    "WHERE window_id = :w"
                ),
                {"read": read, "seen": read - new, "nulls": nulls, "w": window.window_id},
            )
            idle = new == 0 and not time_brings_moments(use_case, window)
            if idle:
                close_empty(connection, window, read)
        kill_point("extract.counted")
    return Extraction(window, read, new, idle, nulls)


def _window_query(use_case: UseCase, window: Window) -> str:
    """The extract query with its bounds bound on the client: COPY takes no parameters."""
    # Only whole-line comments: two dashes inside a literal are not one.
    body = re.sub(r"(?m)^\s*--.*$", "", use_case.sql("extract")).strip().rstrip(";")
    since = window.since - use_case.source.overlap if window.since else _BEGINNING
    return pyformat(body) % {"since": _timestamp(since), "until": _timestamp(window.until)}


def _timestamp(moment: datetime) -> str:
    return f"TIMESTAMPTZ '{moment.astimezone(UTC).isoformat()}'"


def _columns(use_case: UseCase) -> list[str]:
    return [use_case.entity.key, use_case.label.name, *(column.name for column in use_case.raw_columns)]


def _check_columns(use_case: UseCase, window: Window, source: psycopg.Connection, query: str) -> None:
    """Block the window where the query fails or lacks a declared column."""
    try:
        described = source.execute(f"SELECT * FROM ({query}) AS rows LIMIT 0".encode()).description or []
    except psycopg.errors.ProgrammingError as error:
        detail = str(error).splitlines()[0]
        block(use_case, window, f"extract.sql failed: {detail}")
        raise SourceColumnsChanged(use_case.name, (), detail) from error
    found = {column.name for column in described}
    missing = [name for name in (use_case.source.watermark, *_columns(use_case)) if name not in found]
    if missing:
        block(use_case, window, f"the source lacks {', '.join(missing)}")
        raise SourceColumnsChanged(use_case.name, missing)


def _null_watermarks(use_case: UseCase, source: psycopg.Connection) -> int:
    watermark = pgsql.Identifier(use_case.source.watermark)
    counts = 0
    for relation in use_case.source.relations:
        query = pgsql.SQL("SELECT count(*) FROM {} WHERE {} IS NULL").format(
            pgsql.Identifier(*relation.split(".")), watermark
        )
        row = source.execute(query).fetchone()
        counts += int(row[0]) if row else 0
    return counts


def _copy(
    use_case: UseCase, window: Window, source: psycopg.Connection, target: psycopg.Connection, query: str
) -> tuple[int, int]:
    """Pipe COPY to COPY in bounded memory, then keep what is new; (rows read, rows new).

    A snapshot's row is new when its content or its recorded time is. A fact is new when its content is: sent again it
    says nothing, whenever that was recorded, and the first recorded copy is kept. Nor is it new where it was read
    before a column was declared that it has a value for.
    """
    columns = pgsql.SQL(", ").join(pgsql.Identifier(name) for name in _columns(use_case))
    as_text = pgsql.SQL(", ").join(pgsql.SQL("{}::text").format(pgsql.Identifier(name)) for name in _columns(use_case))
    watermark = pgsql.Identifier(use_case.source.watermark)
    out = pgsql.SQL("COPY (SELECT {}::timestamptz, {} FROM ({}) AS rows) TO STDOUT").format(
        watermark,
        as_text,
        pgsql.SQL(query),
    )
    declared = pgsql.SQL(", ").join(pgsql.SQL("{} text").format(pgsql.Identifier(name)) for name in _columns(use_case))
    raw = pgsql.Identifier(*names.raw_table(use_case).split("."))
    target.execute(
        pgsql.SQL(
            "CREATE TEMP TABLE incoming (recorded_at timestamptz, {}, row_no bigint GENERATED ALWAYS AS IDENTITY) "
            "ON COMMIT DROP"
        ).format(declared)
    )
    into = pgsql.SQL("COPY incoming (recorded_at, {}) FROM STDIN").format(columns)
    with source.cursor().copy(out) as reading, target.cursor().copy(into) as writing:
        for block_of_rows in reading:
            writing.write(block_of_rows)
    identity = columns if use_case.has_events else pgsql.SQL("recorded_at, {}").format(columns)
    inserted = target.execute(
        pgsql.SQL(
            "WITH hashed AS ("
            " SELECT *, encode(sha256(convert_to(ROW({identity})::text, 'UTF8')), 'hex') AS content_hash"
            " FROM incoming), "
            "numbered AS ("
            " SELECT *, row_number() OVER (PARTITION BY content_hash ORDER BY recorded_at, row_no) AS copy_no"
            " FROM hashed) "
            "INSERT INTO {raw} (window_id, row_no, recorded_at, content_hash, {columns}) "
            "SELECT {window}, row_no, recorded_at, content_hash, {columns} FROM numbered AS n "
            "WHERE copy_no = 1 AND NOT EXISTS (SELECT FROM {raw} AS r WHERE r.content_hash = n.content_hash"
            " AND r.window_id <> {window}) {unlike_overlap}"
        ).format(
            columns=columns,
            identity=identity,
            raw=raw,
            window=pgsql.Literal(window.window_id),
            unlike_overlap=_unlike_overlap(use_case, window, raw),
        )
    )
    # The checks come at once, before Postgres has looked at the new rows by itself.
    target.execute(pgsql.SQL("ANALYZE {}").format(raw))
    counted = target.execute("SELECT count(*) FROM incoming").fetchone()
    new = inserted.rowcount
    return (int(counted[0]) if counted else 0), new


def _unlike_overlap(use_case: UseCase, window: Window, raw: pgsql.Identifier) -> pgsql.Composable:
    """Condition: no fact of the overlap that another version of the spec read says the same as the fact ``n``, or less.

    Its hash is over the columns that were declared then. A column that is new has made it say less.
    """
    if not use_case.has_events or window.since is None:
        return pgsql.SQL("")
    said = pgsql.SQL(" AND ").join(
        pgsql.SQL("(r.{name} IS NULL OR r.{name} = n.{name})").format(name=pgsql.Identifier(name))
        for name in _columns(use_case)
    )
    return pgsql.SQL(
        "AND NOT EXISTS (SELECT FROM {raw} AS r JOIN ops.windows AS w USING (window_id)"
        " WHERE r.recorded_at = n.recorded_at AND r.recorded_at <= {since} AND r.recorded_at > {since} - {overlap}"
        " AND w.spec_version <> {version} AND r.window_id <> {window} AND {said})"
    ).format(
        raw=raw,
        since=pgsql.Literal(window.since),
        overlap=pgsql.Literal(use_case.source.overlap),
        version=pgsql.Literal(use_case.version),
        window=pgsql.Literal(window.window_id),
        said=said,
    )
