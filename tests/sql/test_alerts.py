"""When alerts stay open, when a stage is late and which outcomes judge a score known at load; on real Postgres."""

import importlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from event_support import BEGIN, DAY, HOUR, Crm, execute, leads, ticking
from monitoring_support import outcome, published_window, score, write, written_scores
from sqlalchemy import text
from support import key, query

from leadmill.monitoring.alerts import Finding, settle
from leadmill.monitoring.freshness import watch_freshness
from leadmill.monitoring.issued import judged_scores_sql
from leadmill.monitoring.performance import watch_performance
from leadmill.storage.database import engine

OPEN = "SELECT subject, kind FROM ops.alerts WHERE closed_at IS NULL ORDER BY 1, 2"


@pytest.fixture
def crm(postgres: dict[str, str]) -> Iterator[Crm]:
    with written_scores(postgres) as crm:
        yield crm


def test_what_cannot_be_judged_stays_open(crm: Crm) -> None:
    def look(found: list[str], not_judged: tuple[str, ...] = ()) -> set[str]:
        findings = [Finding(subject, "distribution", subject) for subject in found]
        with engine().begin() as connection:
            settle(connection, leads(), "drift", "run", BEGIN, findings, not_judged)
        return {row["subject"] for row in query(OPEN)}

    assert look(["city", "source"]) == {"city", "source"}
    assert look([], ("city",)) == {"city"}
    assert look([]) == set()


def test_few_scores_close_no_alert_about_performance(crm: Crm) -> None:
    published_window(crm, BEGIN + 90 * DAY)
    write("scores.leads_history", [score(key(1), 0.5, BEGIN + 10 * DAY)])
    with engine().begin() as connection:
        settle(connection, leads(), "performance", "before", BEGIN, [Finding("90 days", "ranking", "bad")])
    watch_performance(leads(), "few")
    assert query(OPEN) == [{"subject": "90 days", "kind": "ranking"}]


def test_a_blocked_window_stays_an_alert_while_it_is_tried_again(crm: Crm) -> None:
    def look(change: str) -> list[str]:
        execute(f"UPDATE ops.windows SET {change}")
        watch_freshness(leads(), change)
        return [row["kind"] for row in query(OPEN) if row["kind"] == "blocked"]

    published_window(crm, BEGIN + DAY)
    assert look("status = 'blocked', blocked_reason = 'too many rejected'") == ["blocked"]
    assert look("status = 'open', blocked_reason = NULL, attempts = 2") == ["blocked"]
    assert look("status = 'published'") == []


def decided(version: str, verdict: str, at: datetime) -> None:
    model: dict[str, Any] = {"use_case": "leads", "version": version, "mlflow_run_id": version, "candidate": "x"}
    model |= {"created_at": at, "training_rows": 1, "positives": 1, "data_fingerprint": "f", "spec_version": "s"}
    write("ops.models", [model | {"inputs": "[]", "metrics": "{}"}])
    decision = {"decision": f"{verdict} {version}", "use_case": "leads", "verdict": verdict, "version": version}
    decision |= {"candidate": "x", "reasons": "[]", "figures": "{}", "data": "{}", "actor": "t", "mlflow_run_id": "r"}
    write("ops.promotions", [decision | {"decided_at": at}])


def test_scores_wait_since_the_champion_came_and_a_choice_by_hand_is_no_training(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who serves is told to the stage: MLflow has no part in this."""
    crm.run(*ticking(1, BEGIN), until=BEGIN + DAY)
    now = BEGIN + 60 * DAY
    write("scores.leads", [score(key(1), 0.5, BEGIN + 30 * DAY)])
    decided("1", "refused", BEGIN + 10 * DAY)
    decided("2", "chosen", now - HOUR)
    crm.move_clock(now)
    monkeypatch.setattr("leadmill.monitoring.freshness.champion_version", lambda _: "2")
    found = {one.stage: one for one in watch_freshness(leads(), "look")}
    assert (found["score"].age, found["score"].late) == (HOUR, False)
    assert (found["train"].age, found["train"].late) == (50 * DAY, True)


def test_a_label_known_before_the_score_is_no_proof_of_it(crm: Crm) -> None:
    """The first lead's outcome is recorded again after the score that learned from it, the second's is new."""
    write("scores.leads_history", [score(key(number), 0.5, BEGIN + DAY) for number in (1, 2)])
    known = [outcome(key(1), 1, False, BEGIN), *(outcome(key(one), 1, False, BEGIN + 2 * DAY) for one in (1, 2))]
    write("features.leads_labels", known)
    label = leads().label.model_copy(update={"horizon": None})
    statement = judged_scores_sql(leads().model_copy(update={"label": label}))
    with engine().connect() as connection:
        rows = connection.execute(text(statement), {"since": BEGIN, "until": BEGIN + timedelta(days=9)})
        assert [row.lead_id for row in rows] == [key(2)]


def test_a_missing_role_that_may_not_be_made_is_told_with_the_statements(crm: Crm) -> None:
    migration = importlib.import_module("leadmill.storage.migrations.versions.0004_monitoring")
    statement = migration.MAKE_ROLE.replace("leadmill_follow_up", "leadmill_not_there")
    told = r"as postgres.*CREATE ROLE leadmill_not_there NOLOGIN;"
    with pytest.raises(psycopg.errors.RaiseException, match=told):
        execute(statement)
