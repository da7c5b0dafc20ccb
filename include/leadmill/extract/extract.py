"""Extract: the source's rows of one window, as text, into ``raw.<use case>``."""

from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from psycopg import sql as pgsql
from sqlalchemy import text

from leadmill import names
from leadmill.errors import SourceColumnsChanged, SpecError
from leadmill.extract.copying import copy_rows, given_columns
from leadmill.extract.passing import time_brings_moments
from leadmill.extract.repeated import remove_repeated
from leadmill.extract.windows import Window, block, close_empty, open_window
from leadmill.faults import kill_point
from leadmill.queries import without_comments
from leadmill.spec import UseCase
from leadmill.storage.database import copy_connection, engine, use_case_lock
from leadmill.storage.ddl import ensure_tables
from leadmill.storage.faults import fault
from leadmill.storage.figures import sample, summarise
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

    Rows that say nothing new (see ``remove_repeated``) are counted and left out. Running it again leaves the same rows.
    Raises SourceUnreachable, SourceColumnsChanged, and SpecError where the source has no such relation or watermark;
    then nothing is left.
    """
    ensure_tables(use_case)
    with use_case_lock(use_case.name), source_connection(use_case) as source:
        window = open_window(use_case, run_id)
        if window is None:
            return Extraction(None, 0, 0, empty=True)
        query = _window_query(use_case, window)
        source.execute(pgsql.SQL("SET TIME ZONE {}").format(pgsql.Literal(use_case.source.timezone)))
        _check_relations(use_case, window, source)
        _check_columns(use_case, window, source, query)
        nulls = _null_watermarks(use_case, source)
        with copy_connection() as target:
            try:
                copied = copy_rows(use_case, window, source, target, query)
            except psycopg.DataError as error:
                block(use_case, window, f"extract.sql failed: {fault(error)}")
                raise SourceColumnsChanged(use_case.name, (), fault(error)) from error
            except psycopg.OperationalError as error:
                if source.broken:
                    raise unreachable(use_case, error) from error
                raise
            found_by = ("window_id", "row_no", "recorded_at", "content_hash", use_case.entity.key)
            sample(names.raw_table(use_case), found_by, lambda statement: target.execute(statement.encode()))
            summarise(names.raw_table(use_case), lambda statement: target.execute(statement.encode()))
            read = copied.rows
            new = read - remove_repeated(use_case, window, target, copied.perhaps_repeated)
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
    body = without_comments(use_case.sql("extract")).strip().rstrip(";")
    since = window.since - use_case.source.overlap if window.since else _BEGINNING
    return pyformat(body) % {"since": _timestamp(since), "until": _timestamp(window.until)}


def _timestamp(moment: datetime) -> str:
    return f"TIMESTAMPTZ '{moment.astimezone(UTC).isoformat()}'"


def _check_columns(use_case: UseCase, window: Window, source: psycopg.Connection, query: str) -> None:
    """Block the window where the query fails or lacks a declared column."""
    try:
        described = source.execute(f"SELECT * FROM ({query}) AS rows LIMIT 0".encode()).description or []
    except psycopg.errors.ProgrammingError as error:
        detail = fault(error)
        block(use_case, window, f"extract.sql failed: {detail}")
        raise SourceColumnsChanged(use_case.name, (), detail) from error
    found = {column.name for column in described}
    missing = [name for name in (use_case.source.watermark, *given_columns(use_case)) if name not in found]
    if missing:
        block(use_case, window, f"the source lacks {', '.join(missing)}")
        raise SourceColumnsChanged(use_case.name, missing, given=found)


def _check_relations(use_case: UseCase, window: Window, source: psycopg.Connection) -> None:
    """Block the window where the source has no relation of that name, or none with that watermark."""
    watermark = use_case.source.watermark
    for number, relation in enumerate(use_case.source.relations):
        columns = source.execute(
            "SELECT attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = attrelid "
            "JOIN pg_namespace AS n ON n.oid = relnamespace "
            "WHERE nspname = %s AND relname = %s AND attnum > 0 AND NOT attisdropped",
            relation.split("."),
        ).fetchall()
        known = [row[0] for row in columns]
        if watermark in known:
            continue
        error = (
            SpecError(_spec_of(use_case), "source.watermark", watermark, f"a column of {relation}", known)
            if known
            else SpecError(
                *(_spec_of(use_case), f"source.relations.{number}", relation),
                "a table or view of the source that its role may see",
                _relations(source),
            )
        )
        block(use_case, window, str(error))
        raise error


def _relations(source: psycopg.Connection) -> list[str]:
    found = source.execute(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables "
        "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
    )
    return [row[0] for row in found.fetchall()]


def _spec_of(use_case: UseCase) -> str:
    return f"include/use_cases/{use_case.name}/use_case.yaml"


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
