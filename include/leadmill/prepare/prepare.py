"""Impute and encode: the accepted rows of a window as feature rows, canonical and filled, in ``staging.<use case>``."""

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from leadmill import names
from leadmill.errors import FeaturesFailed
from leadmill.extract.windows import Window, accepted_rows, find_window
from leadmill.faults import kill_point
from leadmill.garbage import seldom_collected
from leadmill.prepare.derived import derived_rows
from leadmill.prepare.donors import donors_before, donors_counted, stored_imputers
from leadmill.prepare.facts import store_facts
from leadmill.prepare.imputer import Imputer, dump
from leadmill.prepare.moments import store_moments
from leadmill.prepare.outcomes import check_outcomes
from leadmill.prepare.slices import SliceFiller
from leadmill.prepare.typed import snapshot_rows
from leadmill.spec import UseCase
from leadmill.storage.database import copy_connection, use_case_lock
from leadmill.storage.figures import sample
from leadmill.storage.frames import ahead, copy_tables

if TYPE_CHECKING:
    import pyarrow as pa


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


@seldom_collected()
def impute_encode(use_case: UseCase, address: str) -> Prepared:
    """Stage the prepared rows of the window. Running it again leaves the same rows and the same imputers.

    A snapshot gives one row per accepted row. An event source gives one per moment at which features may have changed:
    its facts are typed and stored first. Of a published window nothing is prepared again: later rows name its imputers.
    Raises FeaturesFailed and LabelsFailed where ``sql/features.sql`` or ``sql/labels.sql`` does not give what it must.
    """
    with use_case_lock(use_case.name):
        window = find_window(use_case, address)
        if window.status == "published":
            return Prepared(0, {}, {})
        accepted = accepted_rows(window)
        with copy_connection() as connection:
            check_outcomes(connection, use_case)
            if use_case.has_events:
                store_facts(connection, use_case, window.window_id)
                kill_point("impute_encode.facts")
                store_moments(connection, use_case, window)
        return stage(use_case, window, _rows(use_case, window), None if use_case.has_events else accepted)


def stage(
    use_case: UseCase, window: Window, batches: "Generator[pa.Table, None, None]", expected: int | None
) -> Prepared:
    """Fill the typed rows and stage them, batch by batch.

    ``expected`` is how many rows the window must come to, None where it is as many as ``batches`` hold.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    filler = SliceFiller(
        use_case,
        stored_imputers(use_case, window.window_id),
        donors_counted(use_case),
        lambda until: donors_before(use_case, window, until),
    )
    flags = {column.name: column.flag for column in use_case.feature_columns if column.has_flag}
    filled: Counter[str] = Counter()
    versions: Counter[int] = Counter()

    def parts() -> "Iterator[pa.Table]":
        for part in filler.fill(ahead(batches)):
            filled.update({name: pc.sum(part[flag]).as_py() for name, flag in flags.items()})
            versions.update({part["imputer_version"][0].as_py(): len(part)})
            yield part.append_column("window_id", pa.repeat(pa.scalar(window.window_id, pa.int64()), len(part)))

    with copy_connection() as connection:
        connection.execute(
            f"DELETE FROM {names.staging_table(use_case)} WHERE window_id = %s".encode(), [window.window_id]
        )
        try:
            copy_tables(connection, names.staging_table(use_case), parts())
        except psycopg.errors.UniqueViolation as error:
            per = f"{use_case.entity.key} and as_of" if use_case.has_events else "row_no"
            raise FeaturesFailed(use_case.name, f"there is more than one row for a {per}") from error
        # The second check and publication come at once, before Postgres has looked at the new rows by itself.
        found_by = ("window_id", "row_no", use_case.entity.key, "event_timestamp")
        sample(names.staging_table(use_case), found_by, lambda statement: connection.execute(statement.encode()))
        _store_imputers(connection, use_case, window.window_id, filler.fitted)
        connection.execute(
            b"UPDATE ops.windows SET prepared = %(prepared)s, donors = %(donors)s, waiting = %(waiting)s "
            b"WHERE window_id = %(window)s",
            {
                "prepared": versions.total() if expected is None else expected,
                "donors": filler.donors,
                "waiting": _waiting(connection, use_case, window.window_id),
                "window": window.window_id,
            },
        )
        kill_point("impute_encode.copied")
    cells = {name: count for name, count in sorted(filled.items()) if count}
    return Prepared(versions.total(), cells, dict(sorted(versions.items())))


def _rows(use_case: UseCase, window: Window) -> "Generator[pa.Table, None, None]":
    return (derived_rows if use_case.has_events else snapshot_rows)(use_case, window.window_id)


def _store_imputers(connection: psycopg.Connection, use_case: UseCase, window_id: int, fitted: list[Imputer]) -> None:
    connection.execute(b"DELETE FROM ops.imputers WHERE use_case = %s AND window_id = %s", [use_case.name, window_id])
    for one in fitted:
        connection.execute(
            b"INSERT INTO ops.imputers "
            b"(use_case, version, fitted_through, rows, spec_version, artifact, window_id) "
            b"VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [use_case.name, one.version, one.fitted_through, one.rows, use_case.version, dump(one), window_id],
        )


def _waiting(connection: psycopg.Connection, use_case: UseCase, window_id: int) -> int:
    """Entities that the window's facts name and that got no features: the source has not declared them yet."""
    if not use_case.has_events:
        return 0
    key = use_case.entity.key
    row = connection.execute(
        f"SELECT count(DISTINCT m.{key}) FROM {names.moments_table(use_case)} AS m WHERE m.window_id = %(window)s "
        f"AND NOT EXISTS (SELECT FROM {names.staging_table(use_case)} AS s WHERE s.window_id = %(window)s "
        f"AND s.{key} = m.{key})".encode(),
        {"window": window_id},
    ).fetchone()
    return int(row[0]) if row else 0
