"""``ops.alerts``: a finding beyond a threshold opens an alert once, and the run that no longer finds it closes it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from leadmill.spec import UseCase
from leadmill.storage.database import engine


@dataclass(frozen=True)
class Finding:
    """Something beyond a threshold: what it is about, which threshold, and the sentence for people."""

    subject: str
    kind: str
    message: str


@dataclass(frozen=True)
class Alert:
    """An open alert."""

    alert_id: int
    watch: str
    subject: str
    kind: str
    message: str
    opened_at: datetime


def settle(
    connection: Connection,
    use_case: UseCase,
    watch: str,
    run_id: str,
    now: datetime,
    findings: Sequence[Finding],
    not_judged: Collection[str] = (),
) -> None:
    """Open what is new among the findings of a watch, keep what is known up to date, close what is gone.

    Of subjects that could not be judged nothing is known, so what is open of them stays open. In the caller's
    transaction; the same findings again change nothing but the time at which they were last seen.
    """
    values = {"name": use_case.name, "watch": watch, "run": run_id, "now": now}
    known = "INSERT INTO ops.alerts (use_case, watch, subject, kind, message, opened_at, opened_by, seen_at) "
    for finding in findings:
        connection.execute(
            text(
                f"{known} VALUES (:name, :watch, :subject, :kind, :message, :now, :run, :now) "
                "ON CONFLICT (use_case, watch, subject, kind) WHERE closed_at IS NULL "
                "DO UPDATE SET message = excluded.message, seen_at = excluded.seen_at"
            ),
            {**values, "subject": finding.subject, "kind": finding.kind, "message": finding.message[:2000]},
        )
    connection.execute(
        text(
            "UPDATE ops.alerts SET closed_at = :now WHERE use_case = :name AND watch = :watch AND closed_at IS NULL "
            "AND NOT (subject || chr(31) || kind = ANY (CAST(:found AS text[]))) "
            "AND subject <> ALL (CAST(:not_judged AS text[]))"
        ),
        {
            **values,
            "found": [f"{finding.subject}\x1f{finding.kind}" for finding in findings],
            "not_judged": list(not_judged),
        },
    )


def open_alerts(use_case: UseCase, watch: str | None = None, unsent: bool = False) -> list[Alert]:
    """Open alerts, oldest first: of one watch or of all; ``unsent``: only those that no notifier has taken yet."""
    statement = (
        "SELECT alert_id, watch, subject, kind, message, opened_at FROM ops.alerts WHERE use_case = :name "
        "AND closed_at IS NULL AND (CAST(:watch AS text) IS NULL OR watch = :watch) "
        "AND (NOT :unsent OR notified_at IS NULL) ORDER BY alert_id"
    )
    with engine().connect() as connection:
        rows = connection.execute(text(statement), {"name": use_case.name, "watch": watch, "unsent": unsent})
        return [Alert(**row._mapping) for row in rows]


def mark_sent(sent: Sequence[Alert]) -> None:
    """Remember that the notifiers have taken these alerts, so that nobody is told twice."""
    with engine().begin() as connection:
        connection.execute(
            text("UPDATE ops.alerts SET notified_at = now() WHERE alert_id = ANY (:sent)"),
            {"sent": [alert.alert_id for alert in sent]},
        )
