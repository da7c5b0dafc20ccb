"""Materialize: bring the online store up to the newest published features."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from leadmill import names
from leadmill.faults import kill_point
from leadmill.features.store import apply, feature_store
from leadmill.spec import UseCase
from leadmill.storage.database import engine, use_case_lock


@dataclass(frozen=True)
class Materialized:
    """The event-time window [start, end] that went online, how many windows it covers and how many rows changed."""

    start: datetime
    end: datetime
    windows: int
    entities: int


def materialize(use_case: UseCase) -> Materialized | None:
    """Write the newest values of every entity that changed since the last materialization; None where none did.

    Feast's Postgres online store lets an older value overwrite a newer one. So the event-time window always reaches
    to the newest event in the store: whatever Feast then picks as an entity's newest row really is its newest.
    """
    with use_case_lock(use_case.name):
        with engine().connect() as connection:
            pending = connection.execute(
                text(
                    "SELECT array_agg(DISTINCT w.window_id) AS windows, min(f.event_timestamp) AS start,"
                    f" count(DISTINCT f.{use_case.entity.key}) AS entities,"
                    f" (SELECT max(event_timestamp) FROM {names.features_table(use_case)}) AS end"
                    f" FROM ops.windows AS w LEFT JOIN {names.features_table(use_case)} AS f USING (window_id)"
                    " WHERE w.use_case = :name AND w.status = 'published' AND NOT w.materialized"
                ),
                {"name": use_case.name},
            ).one()
        if not pending.windows:
            return None
        apply(use_case)
        if pending.start is not None:
            start = pending.start.astimezone(UTC) - timedelta(seconds=1)
            end = pending.end.astimezone(UTC) + timedelta(seconds=1)
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
