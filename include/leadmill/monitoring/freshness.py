"""The stage that asks whether everything is up to date, and what it takes on disk."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from leadmill.clock import source_now
from leadmill.monitoring import alerts
from leadmill.monitoring.alerts import Finding
from leadmill.monitoring.store import replace_rows
from leadmill.registry.champion import champion_version
from leadmill.registry.ledger import CROWNING
from leadmill.scoring.due import due
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.storage.ddl import ensure_tables, tables

WATCH = "freshness"


@dataclass(frozen=True)
class Freshness:
    """How far a stage's results reach, against its deadline; by the source's clock."""

    stage: str
    newest: datetime | None
    age: timedelta | None
    deadline: timedelta
    late: bool

    def sentence(self) -> str:
        """Lateness for people."""
        if self.newest is None:
            return f"{self.stage}: there is no result yet"
        hours, most = ((one or self.deadline) / timedelta(hours=1) for one in (self.age, self.deadline))
        reached = f"{self.newest:%Y-%m-%d %H:%M} UTC"
        return f"{self.stage}: its results reach {reached}, {hours:,.0f} h ago; {most:g} h are allowed"


_WINDOWS = (
    "SELECT max(until) AS extract, "
    "max(until) FILTER (WHERE accepted IS NOT NULL AND status <> 'blocked') AS check_raw, "
    "max(until) FILTER (WHERE status = 'published') AS publish, "
    "max(until) FILTER (WHERE status = 'published' AND materialized) AS materialize, min(source_now) AS begun, "
    "max(blocked_reason) FILTER (WHERE status = 'blocked') AS blocked, "
    "bool_or(status = 'open' AND attempts > 1) AS retried FROM ops.windows WHERE use_case = :name"
)


def watch_freshness(use_case: UseCase, run_id: str) -> list[Freshness]:
    """How old each stage's newest result is, and the size of each table, stored under ``run_id``; alerts on the late.

    Extract to materialize are as old as the watermark through which they are done; score as the oldest features that
    wait for a score by the champion, counted from when it became champion at the earliest; train as the newest verdict
    on a challenger. Before the first window nothing is late.
    """
    now = source_now(use_case)
    ensure_tables(use_case)
    with engine().begin() as connection:
        windows = connection.execute(text(_WINDOWS), {"name": use_case.name}).one()
        found = list(_stages(connection, use_case, now, windows)) if windows.begun is not None else []
        rows = [{"as_of": now, **asdict(one)} for one in found]
        replace_rows(connection, "ops.freshness", use_case.name, run_id, rows)
        replace_rows(connection, "ops.storage", use_case.name, run_id, _sizes(connection, use_case, now))
        findings = [Finding(one.stage, "late", one.sentence()) for one in found if one.late]
        if windows.blocked is not None:
            findings.append(Finding("check_raw", "blocked", f"a window is blocked: {windows.blocked}"))
        elif windows.retried:
            # A blocked window that is tried again is not released yet.
            known = [one for one in alerts.open_alerts(use_case, WATCH) if one.kind == "blocked"]
            findings += [Finding(one.subject, one.kind, one.message) for one in known]
        alerts.settle(connection, use_case, WATCH, run_id, now, findings)
    return found


def _stages(connection: Connection, use_case: UseCase, now: datetime, windows: Any) -> list[Freshness]:
    limits, within = use_case.monitor, use_case.score.stale_after
    reached = [(stage, getattr(windows, stage), within) for stage in ("extract", "check_raw", "publish", "materialize")]
    version = champion_version(use_case)
    if version is not None:
        waiting = connection.execute(
            text(
                "SELECT min(greatest(created_timestamp, crowned)) FROM "
                f"({due(use_case)}) AS waiting CROSS JOIN (SELECT max(decided_at) AS crowned FROM ops.promotions "
                "WHERE use_case = :name AND version = :version AND verdict = ANY (:crowning)) AS newest"
            ),
            {"name": use_case.name, "version": version, "crowning": list(CROWNING)},
        ).scalar_one()
        reached.append(("score", waiting or now, limits.scored_within))
    verdict = connection.execute(
        text(
            "SELECT max(decided_at) FROM ops.promotions WHERE use_case = :name "
            "AND verdict IN ('promoted', 'refused', 'held')"
        ),
        {"name": use_case.name},
    ).scalar_one()
    reached.append(("train", verdict or windows.begun, limits.trained_within))
    return [
        Freshness(stage, newest, newest and now - newest, deadline, newest is None or now - newest > deadline)
        for stage, newest, deadline in reached
    ]


def _sizes(connection: Connection, use_case: UseCase, now: datetime) -> list[dict[str, Any]]:
    rows = connection.execute(
        text(
            "SELECT relation, nullif(c.reltuples, -1)\\:\\:bigint AS rows, pg_total_relation_size(c.oid) AS bytes "
            "FROM unnest(CAST(:tables AS text[])) AS relation JOIN pg_class AS c ON c.oid = to_regclass(relation)"
        ),
        {"tables": [table.name for table in tables(use_case)]},
    )
    return [{"as_of": now, **row._mapping} for row in rows]
