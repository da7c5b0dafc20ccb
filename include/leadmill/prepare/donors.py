"""Whom imputers learn from: rows that the store holds already, as they were before filling."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import text

from leadmill import names
from leadmill.columns import UNKNOWN_LEVEL, Column
from leadmill.extract.windows import Window
from leadmill.prepare import imputer as imputers
from leadmill.prepare.closed import closed_sql
from leadmill.prepare.imputer import Imputer
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.storage.frames import read_frame

if TYPE_CHECKING:
    import pandas as pd


def stored_imputers(use_case: UseCase, window_id: int) -> list[Imputer]:
    """Fitted imputers, those of earlier attempts at this window left out."""
    with engine().connect() as connection:
        rows = connection.execute(
            text(
                "SELECT version, fitted_through, rows, artifact FROM ops.imputers "
                "WHERE use_case = :name AND window_id <> :window ORDER BY version"
            ),
            {"name": use_case.name, "window": window_id},
        )
        return [imputers.load(row.version, row.fitted_through, row.rows, bytes(row.artifact)) for row in rows]


def newest_imputer(use_case: UseCase, version: int | None = None) -> Imputer:
    """The imputer that fills the rows of an entity that is recorded now: the one fitted last, else the constants.

    With a ``version`` that one, 0 being the constants.
    """
    with engine().connect() as connection:
        row = connection.execute(
            text(
                "SELECT i.version, i.fitted_through, i.rows, i.artifact FROM ops.imputers AS i "
                "JOIN ops.windows AS w USING (window_id) WHERE i.use_case = :name AND w.status = 'published' "
                "AND i.version = coalesce(CAST(:version AS int), i.version) "
                "ORDER BY i.fitted_through DESC, i.version DESC LIMIT 1"
            ),
            {"name": use_case.name, "version": version},
        ).one_or_none()
    if row is None:
        return imputers.cold_start()
    return imputers.load(row.version, row.fitted_through, row.rows, bytes(row.artifact))


def donors_counted(use_case: UseCase) -> int:
    """Donors in the published windows: rows of a snapshot's store, entities of an event source at their first age."""
    with engine().connect() as connection:
        counted = connection.execute(
            text(
                "SELECT coalesce(sum(donors), 0)::bigint FROM ops.windows "
                "WHERE use_case = :name AND status = 'published'"
            ),
            {"name": use_case.name},
        )
        count: int = counted.scalar_one()
    return count


def donors_before(use_case: UseCase, window: Window, until: datetime) -> "pd.DataFrame":
    """The newest donors of the store before ``until``, at most MAX_DONORS: event_timestamp, key and typed features.

    A flagged value is missing again. An event source's donor is an entity as it was known at its first age, so donors
    do not depend on how its facts were spread over windows.
    """
    key = use_case.entity.key
    columns = ", ".join(f"{_before_filling(column)} AS {column.name}" for column in use_case.feature_columns)
    if not use_case.has_events:
        return read_frame(
            f"SELECT f.event_timestamp, f.{key}, {columns} FROM {names.features_table(use_case)} AS f "
            f"WHERE f.event_timestamp < $1 ORDER BY f.event_timestamp DESC, f.{key}, f.created_timestamp LIMIT $2",
            [until, imputers.MAX_DONORS],
        )
    return read_frame(
        f"WITH aged AS (SELECT {key}, first_recorded_at + make_interval(secs => $3) AS as_of "
        f"FROM {names.entities_table(use_case)}) "
        f"SELECT a.as_of AS event_timestamp, a.{key}, {columns} FROM aged AS a CROSS JOIN LATERAL ("
        f"SELECT * FROM {names.features_table(use_case)} AS h WHERE h.{key} = a.{key} "
        "AND h.event_timestamp <= a.as_of ORDER BY h.event_timestamp DESC, h.created_timestamp DESC LIMIT 1) AS f "
        f"WHERE a.as_of < $1 AND a.as_of <= $4 AND NOT EXISTS (SELECT FROM {names.rejected_table(use_case)} AS r "
        f"WHERE r.key = a.{key}::text AND r.suite = 'features' AND r.recorded_at = a.as_of) "
        f"AND NOT {closed_sql(use_case, f'a.{key}', 'a.as_of')} ORDER BY a.as_of DESC, a.{key} LIMIT $2",
        [until, imputers.MAX_DONORS, min(use_case.as_of).total_seconds(), window.since or until],
    )


def _before_filling(column: Column) -> str:
    if column.has_flag:
        return f"CASE WHEN NOT f.{column.flag} THEN f.{column.name} END"
    return f"NULLIF(f.{column.name}, '{UNKNOWN_LEVEL}')" if column.impute == UNKNOWN_LEVEL else f"f.{column.name}"
