"""What people and systems enter about scored leads: what is let in, who may, and how it stands beside the score."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from event_support import BEGIN, DAY, HOUR, Crm, execute, leads
from monitoring_support import published_window, score, write, written_scores
from support import key, query

from leadmill.local import credentials, databases
from leadmill.local.state import StateFolder
from leadmill.monitoring.follow_up import ensure_follow_up_view
from leadmill.monitoring.performance import watch_performance

ENTER = (
    "INSERT INTO ops.follow_ups (use_case, entity_key, kind, outcome, band, author, reason, happened_at) "
    "VALUES ('leads', %s, %s, %s, %s, %s, %s, %s)"
)


@pytest.fixture
def scored(postgres: dict[str, str]) -> Iterator[Crm]:
    """Ten leads, scored 0.95, 0.85, ... 0.05 at BEGIN; the first five are of band A, the others of D."""
    with written_scores(postgres) as crm:
        rows = [score(key(number), 1.05 - number / 10, BEGIN) for number in range(1, 11)]
        write("scores.leads", rows)
        write("scores.leads_history", rows)
        published_window(crm, BEGIN + 5 * DAY)
        yield crm


@pytest.fixture
def person(postgres: dict[str, str]) -> Iterator[psycopg.Connection]:
    """Somebody who was granted the role for follow-ups."""
    known = credentials.load(StateFolder(Path(postgres["LEADMILL_STATE"])).secrets)
    with databases.connect(int(postgres["LEADMILL_PG_PORT"]), "postgres", known.postgres, "leadmill") as connection:
        connection.execute("SET ROLE leadmill_follow_up")
        yield connection


def test_the_role_may_add_and_read_and_nothing_else(scored: Crm, person: psycopg.Connection) -> None:
    view = ensure_follow_up_view(leads())
    person.execute(ENTER, [key(1), "contacted", None, None, "vera", None, BEGIN + HOUR])
    row = person.execute(f"SELECT contacted_by, lead_score FROM {view} WHERE lead_id = %s".encode(), [key(1)])
    assert row.fetchone() == ("vera", 950)
    assert query("SELECT entered_by FROM ops.follow_ups") == [{"entered_by": "postgres"}]
    for forbidden in (
        "UPDATE ops.follow_ups SET author = 'x'",
        "DELETE FROM ops.follow_ups",
        "INSERT INTO ops.follow_ups (use_case, entity_key, kind, author, happened_at, entered_by) "
        "VALUES ('leads', 'k', 'contacted', 'vera', now(), 'somebody else')",
        "SELECT 1 FROM ops.models",
        "SELECT 1 FROM features.leads",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            person.execute(forbidden.encode())


@pytest.mark.parametrize(
    ("kind", "outcome", "band", "author", "reason"),
    [
        ("dreamt", None, None, "vera", None),
        ("outcome", None, None, "vera", None),
        ("contacted", "positive", None, "vera", None),
        ("override", None, "A", "vera", None),
        ("override", None, "A", "vera", "  "),
        ("override", None, None, "vera", "a friend"),
        ("contacted", None, "A", "vera", None),
        ("override_withdrawn", None, None, "vera", None),
        ("contacted", None, None, "  ", None),
    ],
)
def test_what_makes_no_sense_is_not_let_in(
    scored: Crm, kind: str, outcome: str | None, band: str | None, author: str, reason: str | None
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        execute(ENTER, [key(1), kind, outcome, band, author, reason, BEGIN])


def test_an_override_stands_beside_the_score_and_can_be_withdrawn(scored: Crm) -> None:
    ensure_follow_up_view(leads())
    before = query("SELECT * FROM scores.leads ORDER BY lead_id")
    execute(ENTER, [key(10), "override", None, "A", "vera", "she asked for a call", BEGIN + HOUR])
    execute(ENTER, [key(9), "override", None, "A", "vera", "a friend", BEGIN + HOUR])
    execute(ENTER, [key(9), "override_withdrawn", None, None, "otto", "no friend", BEGIN + 2 * HOUR])
    execute(ENTER, [key(10), "outcome", "positive", None, "crm", None, BEGIN + DAY])
    assert query("SELECT * FROM scores.leads ORDER BY lead_id") == before
    shown = {row["lead_id"]: row for row in query("SELECT * FROM scores.leads_follow_up")}
    assert len(shown) == 10
    ten, nine = shown[key(10)], shown[key(9)]
    assert (ten["band"], ten["override_band"], ten["override_by"]) == ("D", "A", "vera")
    assert (ten["override_reason"], ten["override_at"]) == ("she asked for a call", BEGIN + HOUR)
    assert (ten["outcome"], ten["outcome_by"]) == ("positive", "crm")
    assert (nine["band"], nine["override_band"], nine["override_reason"]) == ("D", None, None)


def test_the_view_is_made_once_and_anew_when_the_scores_get_a_column(scored: Crm) -> None:
    made = "SELECT 'scores.leads_follow_up'::regclass::oid AS oid"
    ensure_follow_up_view(leads())
    first = query(made)
    ensure_follow_up_view(leads())
    assert query(made) == first
    execute("ALTER TABLE scores.leads ADD COLUMN predicted_class text")
    ensure_follow_up_view(leads())
    assert query("SELECT predicted_class, override_band FROM scores.leads_follow_up LIMIT 1")


def test_how_far_people_follow_is_counted_by_band(scored: Crm) -> None:
    for number, hours in ((1, 1), (2, 1), (6, 1), (3, -1)):
        execute(ENTER, [key(number), "contacted", None, None, "vera", None, BEGIN + hours * HOUR])
    execute(ENTER, [key(6), "override", None, "A", "vera", "knows us", BEGIN + HOUR])
    watch_performance(leads(), "run")
    rows = {row["band"]: row for row in query("SELECT * FROM ops.following WHERE run_id = 'run' AND days = 30")}
    assert {band: (row["entities"], row["contacted"], row["overridden"]) for band, row in rows.items()} == {
        "A": (5, 2, 0),
        "D": (5, 1, 1),
        "all": (10, 3, 1),
    }
    assert rows["A"]["low"] < rows["A"]["share"] == 0.4 < rows["A"]["high"]
    # Of 3 x 7 pairs the contacted one has the higher score in 7 + 7 + 4; number 3 was called before it was scored.
    assert rows["all"]["agreement"] == pytest.approx(18 / 21)
    assert (rows["A"]["agreement"], rows["D"]["agreement"]) == (None, None)
