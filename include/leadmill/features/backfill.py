"""Backfill: past feature rows computed again by the present spec, so that a new feature has a history too."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import text

from leadmill.clock import source_now
from leadmill.errors import LeadmillError
from leadmill.extract.windows import clear_work, find_window
from leadmill.faults import kill_point
from leadmill.features.materialize import materialize
from leadmill.features.publish import Published, publish_features
from leadmill.prepare.derived import derived_rows
from leadmill.prepare.moments import store_past_moments
from leadmill.prepare.prepare import stage
from leadmill.quality.check import check_features
from leadmill.spec import UseCase
from leadmill.storage.database import copy_connection, engine, use_case_lock
from leadmill.storage.ddl import ensure_tables

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Backfilled:
    """Moments that were computed again, and what became of their entities."""

    window: str
    rows: int
    published: Published


def backfill(use_case: UseCase, run_id: str, progress: Progress = lambda step: None) -> Backfilled | None:
    """Compute every feature row that another version of the spec made again, from the facts known at its time.

    Those that differ are appended with the same event time and a newer created time, filled by the imputers that
    filled their entities before, checked, published and brought online like any window. None where every row is of
    this version. Killed and run again it leaves the same rows. Raises LeadmillError for a snapshot, whose rows hold
    only what was read, and where a window is not published yet.
    """
    if not use_case.has_events:
        raise LeadmillError(
            f"'{use_case.name}' reads a snapshot: of past rows only the columns read then are known. A new feature "
            "reads as its constant, flagged as missing, until the source records the row again."
        )
    ensure_tables(use_case)
    with use_case_lock(use_case.name):
        address = _open(use_case, run_id)
        window = find_window(use_case, address)
        progress("find the moments")
        with copy_connection() as connection:
            moments = store_past_moments(connection, use_case, window)
        if moments:
            kill_point("backfill.moments")
            progress(f"compute {moments:,} rows")
            prepared = stage(use_case, window, derived_rows(use_case, window.window_id), None)
        else:
            _drop(window.window_id)
    if moments == 0:
        # A backfill that was killed after it had published left the online store as it was.
        materialize(use_case)
        return None
    progress("check")
    check_features(use_case, address, run_id)
    progress("publish")
    published = publish_features(use_case, address)
    progress("bring online")
    materialize(use_case)
    return Backfilled(address, prepared.rows, published)


def _open(use_case: UseCase, run_id: str) -> str:
    """A window without any time of its own (since = until), new or left by a backfill that did not end."""
    now = source_now(use_case)
    with engine().begin() as connection:
        open_now = connection.execute(
            text(
                "SELECT window_id, since = until AS ours FROM ops.windows "
                "WHERE use_case = :name AND status <> 'published'"
            ),
            {"name": use_case.name},
        ).one_or_none()
        if open_now is not None and not open_now.ours:
            raise LeadmillError(
                f"Window {open_now.window_id} of '{use_case.name}' is not published yet. Run {use_case.name}_etl first."
            )
        if open_now is None:
            window_id = connection.execute(
                text(
                    "INSERT INTO ops.windows (use_case, since, until, source_now, status, run_id, accepted, rejected, "
                    "already_seen) SELECT :name, max(until), max(until), :now, 'open', :run, 0, 0, 0 FROM ops.windows "
                    "WHERE use_case = :name AND status = 'published' HAVING count(*) > 0 RETURNING window_id"
                ),
                {"name": use_case.name, "now": now, "run": run_id},
            ).scalar()
            if window_id is None:
                raise LeadmillError(f"'{use_case.name}' has no features yet. Run {use_case.name}_etl first.")
        else:
            window_id = open_now.window_id
            connection.execute(
                text(
                    "UPDATE ops.windows SET status = 'open', blocked_reason = NULL, prepared = NULL, "
                    "attempts = attempts + 1 WHERE window_id = :window"
                ),
                {"window": window_id},
            )
            clear_work(connection, use_case, window_id)
    return f"{use_case.name}/{window_id}"


def _drop(window_id: int) -> None:
    """Remove the window, and what an earlier attempt's check said of it."""
    with engine().begin() as connection:
        for table in ("ops.validations", "ops.windows"):
            connection.execute(text(f"DELETE FROM {table} WHERE window_id = :window"), {"window": window_id})
