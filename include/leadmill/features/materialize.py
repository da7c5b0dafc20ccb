"""Materialize: bring the online store up to the newest published features."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from leadmill import names
from leadmill.faults import kill_point
from leadmill.features.online import holds
from leadmill.features.store import apply, feature_store
from leadmill.spec import UseCase
from leadmill.storage.database import engine, use_case_lock


@dataclass(frozen=True)
class Materialized:
    """The event-time window [start, end] that went online, how many windows it covers and how many entities changed."""

    start: datetime
    end: datetime
    windows: int
    entities: int


def materialize(use_case: UseCase) -> Materialized | None:
    """Write the newest values of every entity that changed since the last materialization; None where none did.

    The online store keeps the newer of two rows, so the event-time window is that of the rows which are not online yet,
    however old they are. A store that lacks what the ledger says is online (another one since, or emptied, or one that
    got a feature back) is filled anew.
    """
    with use_case_lock(use_case.name):
        if not _still_online(use_case):
            _forget(use_case)
        windows = _waiting(use_case)
        if not windows:
            return None
        pending = _pending(use_case, windows)
        apply(use_case)
        if pending.start is not None:
            start, end = pending.start.astimezone(UTC), pending.end.astimezone(UTC)
            feature_store().materialize(start, end, feature_views=[names.feature_view(use_case)])
        kill_point("materialize.written")
        with engine().begin() as connection:
            connection.execute(
                text("UPDATE ops.windows SET materialized = true WHERE window_id = ANY(:windows)"),
                {"windows": windows},
            )
    if pending.start is None:
        return None
    return Materialized(pending.start, pending.end, len(windows), pending.entities)


def _waiting(use_case: UseCase) -> list[int]:
    """Published windows that are not online yet."""
    with engine().connect() as connection:
        found = connection.execute(
            text(
                "SELECT window_id FROM ops.windows"
                " WHERE use_case = :name AND status = 'published' AND NOT materialized ORDER BY window_id"
            ),
            {"name": use_case.name},
        )
        return list(found.scalars())


def _pending(use_case: UseCase, windows: list[int]) -> Any:
    """First and last event time of what the windows appended (null where nothing), and of how many entities."""
    # One window, the usual case, has counted its entities already.
    counted = "SELECT appended FROM ops.windows WHERE window_id = ANY(:windows)"
    entities = f"({counted})" if len(windows) == 1 else f"count(DISTINCT {use_case.entity.key})"
    with engine().connect() as connection:
        return connection.execute(
            text(
                f'SELECT min(event_timestamp) AS start, max(event_timestamp) AS "end", {entities} AS entities '
                f"FROM {names.features_table(use_case)} WHERE window_id = ANY(:windows)"
            ),
            {"windows": windows},
        ).one()


def _still_online(use_case: UseCase) -> bool:
    """Whether the online store has a row that the ledger says went there, with every feature."""
    with engine().connect() as connection:
        # Read from its beginning, the table may be gone through before the newest window's first row comes.
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        row = connection.execute(
            text(
                f"SELECT * FROM {names.features_table(use_case)} WHERE window_id = (SELECT max(window_id)"
                " FROM ops.windows WHERE use_case = :name AND materialized AND appended > 0) LIMIT 1"
            ),
            {"name": use_case.name},
        ).one_or_none()
    return row is None or holds(use_case, row._asdict())


def _forget(use_case: UseCase) -> None:
    with engine().begin() as connection:
        connection.execute(
            text("UPDATE ops.windows SET materialized = false WHERE use_case = :name AND materialized"),
            {"name": use_case.name},
        )
