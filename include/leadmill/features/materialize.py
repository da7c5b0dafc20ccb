"""Materialize: bring the online store up to the newest published features."""

from dataclasses import dataclass
from datetime import UTC, datetime

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
        with engine().connect() as connection:
            pending = connection.execute(
                text(
                    "WITH waiting AS MATERIALIZED (SELECT window_id, appended FROM ops.windows"
                    " WHERE use_case = :name AND status = 'published' AND NOT materialized),"
                    f" rows AS NOT MATERIALIZED (SELECT {use_case.entity.key}, event_timestamp"
                    f" FROM {names.features_table(use_case)} WHERE window_id IN (SELECT window_id FROM waiting))"
                    " SELECT (SELECT array_agg(window_id) FROM waiting) AS windows,"
                    ' min(event_timestamp) AS start, max(event_timestamp) AS "end",'
                    # One window, the usual case, has counted its entities already.
                    " CASE (SELECT count(*) FROM waiting) WHEN 1 THEN (SELECT appended FROM waiting)"
                    f" ELSE (SELECT count(*) FROM (SELECT DISTINCT {use_case.entity.key} FROM rows) AS e) END"
                    " AS entities FROM rows"
                ),
                {"name": use_case.name},
            ).one()
        if not pending.windows:
            return None
        apply(use_case)
        if pending.start is not None:
            start, end = pending.start.astimezone(UTC), pending.end.astimezone(UTC)
            feature_store().materialize(start, end, feature_views=[names.feature_view(use_case)])
        kill_point("materialize.written")
        with engine().begin() as connection:
            connection.execute(
                text("UPDATE ops.windows SET materialized = true WHERE window_id = ANY(:windows)"),
                {"windows": list(pending.windows)},
            )
    if pending.start is None:
        return None
    return Materialized(pending.start, pending.end, len(pending.windows), pending.entities)


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
