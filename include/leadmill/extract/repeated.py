"""Rows that the source gives again, in one window or in the overlap of two: all but the first go."""

import psycopg
from psycopg import sql as pgsql

from leadmill import names
from leadmill.extract.copying import given_columns
from leadmill.extract.windows import Window
from leadmill.spec import UseCase

# A window of some hundred thousand rows is grouped in memory.
_WORK_MEM = "64MB"


def remove_repeated(use_case: UseCase, window: Window, target: psycopg.Connection, perhaps_twice: bool) -> int:
    """Delete the window's raw rows that say nothing new; how many there were.

    A snapshot's row is new when its content or its recorded time is. A fact is new when its content is: sent again it
    says nothing, whenever that was recorded, and the first recorded copy is kept; but one that was rejected is judged
    again when it is recorded again. Nor is it new where it was read before a column was declared that it has a value
    for. ``perhaps_twice`` is false where no content came twice in the window.
    """
    raw = pgsql.Identifier(*names.raw_table(use_case).split("."))
    first = target.execute(
        pgsql.SQL("SELECT min(recorded_at)::text FROM {} WHERE window_id = %s").format(raw), [window.window_id]
    ).fetchone()
    parts = {
        "raw": raw,
        "rejected": pgsql.Identifier(*names.rejected_table(use_case).split(".")),
        "same": pgsql.SQL("content_hash" if use_case.has_events else "recorded_at, content_hash"),
        "window": pgsql.Literal(window.window_id),
        "first": pgsql.Literal(first and first[0]),
        "since": pgsql.Literal(window.since),
        "overlap": pgsql.Literal(use_case.source.overlap),
        "version": pgsql.Literal(use_case.version),
    }
    statements = []
    if window.since is not None:
        statements = [_FACT_KNOWN, _said_before(use_case)] if use_case.has_events else [_SNAPSHOT_KNOWN]
    if perhaps_twice:
        # Last: the first copy may be one of the overlap that was rejected, and another says something new.
        statements.append(_TWICE)
    target.execute(f"SET LOCAL work_mem = '{_WORK_MEM}'".encode())
    return sum(target.execute(statement.format(**parts)).rowcount for statement in statements)


# Rows are grouped before they are numbered: where few came twice, few are sorted.
_TWICE = pgsql.SQL(
    "WITH twice AS MATERIALIZED (SELECT {same} FROM {raw} WHERE window_id = {window}"
    " GROUP BY {same} HAVING count(*) > 1) "
    "DELETE FROM {raw} WHERE window_id = {window} AND row_no IN (SELECT row_no FROM ("
    " SELECT row_no, row_number() OVER (PARTITION BY {same} ORDER BY recorded_at, row_no) AS copy_no"
    " FROM {raw} JOIN twice USING ({same}) WHERE window_id = {window}) AS numbered WHERE copy_no > 1)"
)
# An earlier window's row that is the same is no older than the first row of this one, and no newer than where the
# earlier windows end.
_SNAPSHOT_KNOWN = pgsql.SQL(
    "DELETE FROM {raw} AS n USING {raw} AS r WHERE n.window_id = {window} AND n.recorded_at <= {since}"
    " AND r.recorded_at >= {first} AND r.window_id <> {window} AND r.recorded_at = n.recorded_at"
    " AND r.content_hash = n.content_hash"
)
# A rejected copy has said nothing: what was in the future then may be past now, or a rule another.
_FACT_KNOWN = pgsql.SQL(
    "DELETE FROM {raw} AS n WHERE n.window_id = {window} AND EXISTS (SELECT FROM {raw} AS r"
    " WHERE r.content_hash = n.content_hash AND r.window_id <> {window} AND (r.recorded_at = n.recorded_at"
    " OR NOT EXISTS (SELECT FROM {rejected} AS j"
    " WHERE j.window_id = r.window_id AND j.suite = 'raw' AND j.row_no = r.row_no)))"
)


def _said_before(use_case: UseCase) -> pgsql.SQL:
    """Facts of the overlap that another version of the spec read, which said the same then, or less.

    Their hash is over the columns that were declared then. A column that is new has made them say less.
    """
    said = " AND ".join(f'(r."{name}" IS NULL OR r."{name}" = n."{name}")' for name in given_columns(use_case))
    return pgsql.SQL(
        "DELETE FROM {raw} AS n WHERE n.window_id = {window} AND n.recorded_at <= {since} AND EXISTS ("
        "SELECT FROM {raw} AS r JOIN ops.windows AS w USING (window_id)"
        " WHERE r.recorded_at = n.recorded_at AND r.recorded_at <= {since} AND r.recorded_at > {since} - {overlap}"
        " AND w.spec_version <> {version} AND r.window_id <> {window} AND "
        f"{said})"
    )
