"""The stage that looks for drift: recent features and present scores against the champion's training data."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from leadmill.clock import source_now
from leadmill.errors import NoChampion
from leadmill.monitoring import alerts, profile
from leadmill.monitoring.alerts import Finding
from leadmill.monitoring.findings import Drift, compare
from leadmill.monitoring.reference import references, watched
from leadmill.monitoring.rows import parts, recent_rows_sql
from leadmill.monitoring.score_drift import BandShare, band_shares, score_drift
from leadmill.monitoring.store import replace_rows
from leadmill.registry.champion import champion_version
from leadmill.registry.ledger import known_model
from leadmill.spec import UseCase
from leadmill.storage.database import engine

WATCH = "drift"


@dataclass(frozen=True)
class DriftReport:
    """What a run found: since when the recent rows are and how many, every watched subject, the bands."""

    model_version: str
    since: datetime
    rows: int
    subjects: tuple[Drift, ...]
    bands: tuple[BandShare, ...]

    @property
    def drifted(self) -> tuple[str, ...]:
        """Subjects with an alarm."""
        return tuple(found.subject for found in self.subjects if found.alarms)


def watch_drift(use_case: UseCase, run_id: str) -> DriftReport:
    """Compare, store it under ``run_id`` (again: in place of what that run stored), open and close alerts.

    Recent are the rows of the last ``monitor.recent`` before the newest published window's end. Costs one pass over
    those rows per feature, whatever the history holds; a new champion's training rows are counted once. Raises
    NoChampion.
    """
    version = champion_version(use_case)
    if version is None:
        raise NoChampion(use_case.name)
    now = source_now(use_case)
    with engine().begin() as connection:
        found = _compare(connection, use_case, version)
        _store(connection, use_case, run_id, now, found)
        findings = [Finding(one.subject, kind, one.sentence()) for one in found.subjects for kind in one.alarms]
        not_judged = [one.subject for one in found.subjects if not one.judged]
        alerts.settle(connection, use_case, WATCH, run_id, now, findings, not_judged)
    return found


def drift_onset(use_case: UseCase) -> datetime | None:
    """Since when the recent rows of the oldest open drift alert are, or None: rows from then on are of the new kind."""
    statement = (
        "SELECT min(coalesce(d.since, a.opened_at - CAST(:recent AS interval))) FROM ops.alerts AS a "
        "JOIN ops.drift AS d ON d.use_case = a.use_case AND d.run_id = a.opened_by AND d.subject = a.subject "
        "WHERE a.use_case = :name AND a.watch = :watch AND a.closed_at IS NULL"
    )
    with engine().connect() as connection:
        values = {"name": use_case.name, "watch": WATCH, "recent": use_case.monitor.recent}
        found: datetime | None = connection.execute(text(statement), values).scalar_one()
    return found


def _compare(connection: Connection, use_case: UseCase, version: str) -> DriftReport:
    model, columns = known_model(use_case.name, version), watched(use_case, version)
    reference = references(connection, use_case, version)
    until = connection.execute(
        text("SELECT max(until) FROM ops.windows WHERE use_case = :name AND status = 'published'"),
        {"name": use_case.name},
    ).scalar_one()
    since = until - use_case.monitor.recent
    recent = recent_rows_sql(use_case, parts(connection, use_case, since, until))
    rows, entities = profile.hold(connection, recent, {"since": since, "until": until}, use_case)
    # Two of each feature, the distribution and the missing rate, and one of the score.
    tests, subjects = 2 * len(columns) + 1, []
    for column in columns:
        known = reference[column.name]
        one = compare(
            column.name, profile.profile(connection, column, known.bins), entities, known, use_case.monitor, tests
        )
        if one.new_share:
            one = replace(one, new_levels=profile.new_levels(connection, column, known.bins.levels or ()))
        subjects.append(one)
    score = score_drift(connection, use_case, model, tests)
    return DriftReport(version, since, rows, (*subjects, score), tuple(band_shares(connection, use_case, model)))


def _store(connection: Connection, use_case: UseCase, run_id: str, now: datetime, found: DriftReport) -> None:
    shared: dict[str, Any] = {"model_version": found.model_version, "as_of": now}
    drift = [
        shared
        | asdict(one)
        | {"since": None if one.kind == "score" else found.since}
        | {"alarms": list(one.alarms), "new_levels": json.dumps(one.new_levels)}
        for one in found.subjects
    ]
    replace_rows(connection, "ops.drift", use_case.name, run_id, drift)
    replace_rows(connection, "ops.bands", use_case.name, run_id, [shared | asdict(one) for one in found.bands])
