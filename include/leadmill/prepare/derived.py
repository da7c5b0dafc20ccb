"""Features of an event source before imputation: ``sql/features.sql`` over the facts known at each moment."""

from collections.abc import Generator
from typing import TYPE_CHECKING

from leadmill import names
from leadmill.prepare.content import with_content_hash
from leadmill.prepare.features_query import read_features
from leadmill.spec import UseCase
from leadmill.storage.frames import read_frame

if TYPE_CHECKING:
    import pyarrow as pa

# Every moment meets all facts of its entity known by then: that product is kept small.
_MOMENTS_AT_ONCE = 100_000


def derived_rows(use_case: UseCase, window_id: int) -> "Generator[pa.Table, None, None]":
    """Typed rows of the window's moments, by event_timestamp and key; a moment without features is left out.

    Columns: row_no, the key, event_timestamp, first_recorded_at (timestamptz), donor, content_hash and the features,
    NULL where missing. Batch by batch: Postgres keeps them in a temporary table. Raises FeaturesFailed.
    """
    first, last = _numbers(use_case, window_id)
    afters = range(first - 1, max(last, first), _MOMENTS_AT_ONCE)
    beginnings = ("CREATE TEMP TABLE derived_rows AS", *("INSERT INTO derived_rows" for _ in afters[1:]))
    filling = [
        f"{beginning} {_statement(use_case, window_id, after)}"
        for beginning, after in zip(beginnings, afters, strict=True)
    ]
    ordered = f"SELECT * FROM derived_rows ORDER BY event_timestamp, {use_case.entity.key}"
    for rows in read_features(use_case, ordered, filling):
        yield with_content_hash(rows, [column.name for column in use_case.feature_columns])


def _numbers(use_case: UseCase, window_id: int) -> tuple[int, int]:
    """First and last row_no of the window's moments; (1, 0) where there are none."""
    found = read_frame(
        "SELECT coalesce(min(row_no), 1) AS first, coalesce(max(row_no), 0) AS last "
        f"FROM {names.moments_table(use_case)} WHERE window_id = $1",
        [window_id],
    )
    return int(found["first"].iloc[0]), int(found["last"].iloc[0])


def _statement(use_case: UseCase, window_id: int, after: int) -> str:
    """SQL over the window's moments with the row numbers that come after ``after``, as many as are taken at once.

    The relation ``known`` that ``sql/features.sql`` reads holds, for each moment, only facts recorded by then. So no
    feature can use a later one.
    """
    key = use_case.entity.key
    facts = ", ".join(f"f.{column.name}" for column in use_case.raw_columns)
    wanted = ", ".join(f"{column.name}::{column.sql_type} AS {column.name}" for column in use_case.feature_columns)
    return (
        "WITH moment AS (SELECT * "
        f"FROM {names.moments_table(use_case)} WHERE window_id = {window_id:d} "
        f"AND row_no > {after:d} AND row_no <= {after + _MOMENTS_AT_ONCE:d}), "
        f"known AS MATERIALIZED (SELECT m.{key}, m.as_of, f.recorded_at, {facts} FROM moment AS m "
        f"JOIN {names.facts_table(use_case)} AS f ON f.{key} = m.{key} AND f.recorded_at <= m.as_of), "
        f"derived AS ({use_case.sql('features').strip().rstrip(';')}\n) "
        f"SELECT m.row_no, m.{key}, m.as_of AS event_timestamp, m.first_recorded_at, "
        f"m.donor AND {_in_range(use_case)} AS donor, {wanted} "
        f"FROM moment AS m JOIN derived USING ({key}, as_of)"
    )


def _in_range(use_case: UseCase) -> str:
    """Whether the second check will take the row: nobody learns from one that it refuses."""
    bounds = [f"{column.name} >= {column.min!r}" for column in use_case.feature_columns if column.min is not None]
    bounds += [f"{column.name} <= {column.max!r}" for column in use_case.feature_columns if column.max is not None]
    return " AND ".join(["true", *(f"coalesce({bound}, true)" for bound in bounds)])
