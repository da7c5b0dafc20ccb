"""Impute and encode: the accepted rows of a window, typed, canonical and filled, into ``staging.<use case>``."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import text

from leadmill import names
from leadmill.extract.windows import accepted_rows, find_window
from leadmill.faults import kill_point
from leadmill.prepare import imputer as imputers
from leadmill.prepare.imputer import Imputer
from leadmill.prepare.slices import fill_in_slices
from leadmill.prepare.typed import typed_rows_sql
from leadmill.spec import UseCase
from leadmill.storage.database import copy_connection, engine, use_case_lock
from leadmill.storage.frames import copy_frame, read_frame

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Prepared:
    """Rows staged, cells filled, and the imputer versions used -> rows."""

    rows: int
    filled: dict[str, int]
    versions: dict[int, int]

    def describe(self) -> str:
        """One readable line for a task log."""
        cells = ", ".join(f"{name} {rows:,}" for name, rows in sorted(self.filled.items()))
        versions = ", ".join(f"version {version}: {rows:,}" for version, rows in self.versions.items())
        return f"{self.rows:,} rows prepared. Filled: {cells or 'nothing'}. Rows by imputer: {versions or 'none'}."


def impute_encode(use_case: UseCase, address: str) -> Prepared:
    """Stage the prepared rows of the window. Running it again leaves the same rows and the same imputers.

    Of a published window nothing is prepared again: later rows name its imputers.
    """
    with use_case_lock(use_case.name):
        window = find_window(use_case, address)
        if window.status == "published":
            return Prepared(0, {}, {})
        accepted_rows(window)
        frame = read_frame(typed_rows_sql(use_case), [window.window_id])
        stored = _stored(use_case, window.window_id)
        filling = fill_in_slices(
            use_case, frame, stored, _rows_before(use_case), lambda until: _history(use_case, until)
        )
        staged = _joined(use_case, filling.parts, frame).assign(window_id=window.window_id)
        with copy_connection() as connection:
            connection.execute(
                f"DELETE FROM {names.staging_table(use_case)} WHERE window_id = %s".encode(), [window.window_id]
            )
            connection.execute(
                b"DELETE FROM ops.imputers WHERE use_case = %s AND window_id = %s", [use_case.name, window.window_id]
            )
            for fitted in filling.fitted:
                connection.execute(
                    b"INSERT INTO ops.imputers "
                    b"(use_case, version, fitted_through, rows, spec_version, artifact, window_id) "
                    b"VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    [
                        use_case.name,
                        fitted.version,
                        fitted.fitted_through,
                        fitted.rows,
                        use_case.version,
                        imputers.dump(fitted),
                        window.window_id,
                    ],
                )
            copy_frame(connection, names.staging_table(use_case), staged)
            kill_point("impute_encode.copied")
    flags = {column.name: int(staged[column.flag].sum()) for column in use_case.feature_columns if column.has_flag}
    counts = dict(Counter(sorted(staged["imputer_version"].astype(int).tolist())))
    return Prepared(len(staged), {name: rows for name, rows in flags.items() if rows}, counts)


def _joined(use_case: UseCase, parts: "list[pd.DataFrame]", frame: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    if parts:
        return pd.concat(parts, ignore_index=True)
    return imputers.cold_start().fill(frame, use_case.feature_columns).assign(imputer_version=0)


def _stored(use_case: UseCase, window_id: int) -> list[Imputer]:
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


def _rows_before(use_case: UseCase) -> int:
    with engine().connect() as connection:
        count: int = connection.execute(text(f"SELECT count(*) FROM {names.features_table(use_case)}")).scalar_one()
    return count


def _history(use_case: UseCase, until: datetime) -> "pd.DataFrame":
    """Feature rows before ``until`` as they were before filling: a flagged value is missing again."""
    columns = ", ".join(
        f"CASE WHEN NOT {column.flag} THEN {column.name} END AS {column.name}"
        if column.has_flag
        else f"NULLIF({column.name}, 'unknown') AS {column.name}"
        for column in use_case.feature_columns
    )
    statement = (
        f"SELECT event_timestamp, {columns} FROM {names.features_table(use_case)} "
        f"WHERE event_timestamp < $1 ORDER BY event_timestamp DESC, {use_case.entity.key}, created_timestamp LIMIT $2"
    )
    return read_frame(statement, [until, imputers.MAX_DONORS])
