"""Features of an event source before imputation: ``sql/features.sql`` over the facts known at each moment."""

from typing import TYPE_CHECKING

from leadmill import names
from leadmill.prepare.features_query import read_features
from leadmill.spec import UseCase
from leadmill.storage.frames import read_frame

if TYPE_CHECKING:
    import pandas as pd

# Every moment meets all facts of its entity known by then: that product is kept small.
_MOMENTS_AT_ONCE = 100_000


def derived_rows(use_case: UseCase, window_id: int) -> "pd.DataFrame":
    """Typed rows of the window's moments, by event_timestamp and key; a moment without features is left out.

    Columns: row_no, the key, event_timestamp, first_recorded_at (timestamptz), donor, content_hash and the features,
    NULL where missing. Raises FeaturesFailed.
    """
    import pandas as pd

    statement, parts = _statement(use_case), []
    first, last = _numbers(use_case, window_id)
    for after in range(first - 1, max(last, first), _MOMENTS_AT_ONCE):
        parts.append(read_features(use_case, statement, [window_id, after, after + _MOMENTS_AT_ONCE]))
    found = pd.concat(parts, ignore_index=True)
    return found.sort_values(["event_timestamp", use_case.entity.key], ignore_index=True)


def _numbers(use_case: UseCase, window_id: int) -> tuple[int, int]:
    """First and last row_no of the window's moments; (1, 0) where there are none."""
    found = read_frame(
        "SELECT coalesce(min(row_no), 1) AS first, coalesce(max(row_no), 0) AS last "
        f"FROM {names.moments_table(use_case)} WHERE window_id = $1",
        [window_id],
    )
    return int(found["first"].iloc[0]), int(found["last"].iloc[0])


def _statement(use_case: UseCase) -> str:
    """SQL with parameters $1 = window, $2 and $3 = the row numbers after and up to which moments are taken.

    The relation ``known`` that ``sql/features.sql`` reads holds, for each moment, only facts recorded by then. So no
    feature can use a later one.
    """
    key = use_case.entity.key
    facts = ", ".join(f"f.{column.name}" for column in use_case.raw_columns)
    wanted = ", ".join(f"{column.name}::{column.sql_type} AS {column.name}" for column in use_case.feature_columns)
    hashed = ", ".join(f"{column.name}::{column.sql_type}" for column in use_case.feature_columns)
    return (
        "WITH moment AS (SELECT * "
        f"FROM {names.moments_table(use_case)} WHERE window_id = $1 AND row_no > $2 AND row_no <= $3), "
        f"known AS MATERIALIZED (SELECT m.{key}, m.as_of, f.recorded_at, {facts} FROM moment AS m "
        f"JOIN {names.facts_table(use_case)} AS f ON f.{key} = m.{key} AND f.recorded_at <= m.as_of), "
        f"derived AS ({use_case.sql('features').strip().rstrip(';')}\n) "
        f"SELECT m.row_no, m.{key}, m.as_of AS event_timestamp, m.first_recorded_at, "
        f"m.donor AND {_in_range(use_case)} AS donor, "
        f"encode(sha256(convert_to(ROW({hashed})::text, 'UTF8')), 'hex') AS content_hash, {wanted} "
        f"FROM moment AS m JOIN derived USING ({key}, as_of)"
    )


def _in_range(use_case: UseCase) -> str:
    """Whether the second check will take the row: nobody learns from one that it refuses."""
    bounds = [f"{column.name} >= {column.min!r}" for column in use_case.feature_columns if column.min is not None]
    bounds += [f"{column.name} <= {column.max!r}" for column in use_case.feature_columns if column.max is not None]
    return " AND ".join(["true", *(f"coalesce({bound}, true)" for bound in bounds)])
