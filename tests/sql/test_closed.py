"""Closed leads: their last open score stays, they wait for no other, and reopening brings them back."""

from collections.abc import Iterator

import pytest
from event_support import (
    BEGIN,
    DAY,
    HOUR,
    MINUTE,
    Crm,
    activity,
    empty_crm,
    execute,
    leads,
    outcome,
    ticking,
    times,
    version,
)
from support import Row, key, query, show_scores

from leadmill.scoring.due import changed_keys, count_due, due
from leadmill.scoring.publish import publish_scores

OPEN, LOST, WON, REOPENED, DELETED, TURNED, NEVER_OPEN, DELETED_AT_ONCE = range(1, 9)
NOON = BEGIN + DAY


@pytest.fixture(scope="module")
def crm(postgres: dict[str, str]) -> Iterator[Crm]:
    """Leads that were scored while they were open, but for two that came closed."""
    with empty_crm(postgres) as crm:
        for number in range(1, 9):
            crm.add(*ticking(number))
        crm.run(
            outcome(NEVER_OPEN, "lost", BEGIN + HOUR),
            version(DELETED_AT_ONCE, BEGIN + HOUR, submitted_at=BEGIN - HOUR / 2, deleted=True),
            until=BEGIN + 3 * HOUR,
        )
        yield crm


def waiting() -> set[int]:
    """Leads that wait for a score by version 1, the only one."""
    found = {int(row["lead_id"][-12:], 16) for row in query(due(leads(), "%s"), ["1"])}
    assert count_due(leads(), "1") == len(found)
    looked_up = due(leads(), "%s", changed_keys(leads(), "UNION").replace(":through", "0"))
    assert {int(row["lead_id"][-12:], 16) for row in query(looked_up, ["1"])} == found
    return found


def score(*numbers: int) -> None:
    """Scores of these leads by version 1, of their newest features."""
    show_scores("leads")
    for number in numbers:
        execute(
            "INSERT INTO scores.leads_rows (generation, lead_id, lead_score, probability, band, percentile, status, "
            "issued_status, model_version, feature_timestamp, scored_at, run_id) SELECT 1, f.lead_id, %(score)s, "
            "%(score)s / 1000.0, 'A', 1, 'fresh', 'fresh', '1', f.event_timestamp, "
            "(SELECT max(source_now) FROM ops.windows), 'run' FROM features.leads_latest AS f "
            "WHERE f.lead_id = %(key)s ON CONFLICT (generation, lead_id) "
            "DO UPDATE SET lead_score = excluded.lead_score, feature_timestamp = excluded.feature_timestamp, "
            "scored_at = excluded.scored_at",
            {"key": key(number), "score": 100 + number},
        )


def scores() -> dict[int, Row]:
    """Published scores after a run that had nothing to add, by lead."""
    publish_scores(leads(), "nothing-new")
    return {int(row["lead_id"][-12:], 16): row for row in query("SELECT * FROM scores.leads")}


def without_status(rows: dict[int, Row]) -> dict[int, Row]:
    return {number: {**row, "status": ""} for number, row in rows.items()}


def test_from_open_to_closed_and_back(crm: Crm) -> None:
    """One story in three windows, for each window costs time."""
    # Closed before it was ever scored: nobody waits for a score of it.
    assert waiting() == {OPEN, LOST, WON, REOPENED, DELETED, TURNED}
    score(*waiting())
    first = scores()
    assert {row["status"] for row in first.values()} == {"fresh"}
    assert waiting() == set()

    crm.run(
        activity(LOST, "phone_conversation", NOON + HOUR),
        outcome(LOST, "lost", NOON + HOUR),
        outcome(WON, "won", NOON + HOUR),
        outcome(REOPENED, "lost", NOON + HOUR),
        version(DELETED, NOON + HOUR, submitted_at=BEGIN - HOUR / 2, deleted=True),
        outcome(TURNED, "lost", NOON + HOUR),
        until=NOON + 2 * HOUR,
    )
    second = scores()
    closed = {LOST, WON, REOPENED, DELETED, TURNED}
    assert {number for number, row in second.items() if row["status"] == "closed"} == closed
    assert second[OPEN]["status"] == "fresh"
    # What happens when a lead is closed is in its features, but it asks for no new score.
    assert times(LOST)[-1] == NOON + HOUR
    assert waiting() == {OPEN}
    assert without_status(second) == without_status(first)
    score(OPEN)

    crm.run(
        activity(LOST, "email_opened", NOON + 5 * HOUR),
        outcome(REOPENED, "reopened", NOON + 4 * HOUR),
        # Reopened; that it had been lost once more before is recorded only afterwards.
        outcome(TURNED, "reopened", NOON + 4 * HOUR),
        outcome(TURNED, "lost", NOON + 3 * HOUR, NOON + 5 * HOUR),
        until=NOON + 6 * HOUR,
    )
    third = scores()
    assert {number: row["status"] for number, row in third.items()} == {
        OPEN: "fresh", LOST: "closed", WON: "closed", DELETED: "closed", REOPENED: "fresh", TURNED: "fresh",
    }  # fmt: skip
    # What a closed lead does changes its features and nothing else.
    assert times(LOST)[-1] == NOON + 5 * HOUR
    assert waiting() == {REOPENED, TURNED}
    still = {LOST, WON, DELETED}
    assert {n: row for n, row in third.items() if n in still} == {n: row for n, row in second.items() if n in still}

    # A quiet lead is not stale, but one whose pipeline has stood still is; a closed one never.
    crm.move_clock(NOON + 6 * HOUR + leads().source.safety_lag + leads().score.stale_after + MINUTE)
    assert {number for number, row in scores().items() if row["status"] == "stale"} == {OPEN, REOPENED, TURNED}
