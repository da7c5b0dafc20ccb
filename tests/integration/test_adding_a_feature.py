"""A feature is added to a copy of `leads` that runs already: the lines and the order of docs/adding_a_feature.md."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd
import psycopg
import pytest
import yaml
from added_support import blocks, copied, edited, forget_models, score, small, train, use_cases_in
from support import Row, clean_database, query, run_etl

from leadmill import settings
from leadmill.demo.crm import steps
from leadmill.features.backfill import Backfilled, backfill
from leadmill.features.history import training_frame
from leadmill.features.online import lookup
from leadmill.registry.catalog import show_model
from leadmill.registry.champion import champion, champion_version
from leadmill.registry.documents import Verdict
from leadmill.scoring.predict import predict
from leadmill.scoring.publish import ScoreSummary
from leadmill.spec import UseCase

pytestmark = [
    pytest.mark.slow,
    # Raised inside MLflow, not ours to mend.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]

LEADS, DAYS = 900, 150
# Of what features.sql derives, to be quick.
DERIVED = (
    *("age_days", "visits_7d", "visits_30d", "seconds_30d", "pages_per_visit", "emails_opened_30d", "forms_30d"),
    *("calls_30d", "days_since_last_activity", "last_touch"),
)
CONTACTS = ("chat", "phone_conversation", "sms_sent")
ADDED: dict[str, dict[str, Any]] = yaml.safe_load(blocks("adding_a_feature", "yaml")[0])
COUNTED, GIVEN = re.split(r"^--.*\n", blocks("adding_a_feature", "sql")[0], flags=re.MULTILINE)[1:]
NEW = [*ADDED, "seconds_per_page_missing"]
# What a backfilled row may not share with the one it replaces.
WRITTEN = {"created_timestamp", "spec_version", "content_hash", "window_id", *NEW}


def smaller(raw: dict[str, Any]) -> None:
    small(raw)
    columns = raw["features"].items()
    raw["features"] = {name: body for name, body in columns if body.get("fact") or name in DERIVED}


def declared(raw: dict[str, Any]) -> None:
    raw["features"].update(ADDED)


def derived(query_text: str) -> str:
    for before, more in (("        bool_or(kind = 'unsubscribed')", COUNTED), ("    c.first_touch,\n", GIVEN)):
        assert query_text.count(before) == 1
        query_text = query_text.replace(before, more + before)
    return query_text


@dataclass
class Story:
    """What there was after each step of the document."""

    old: UseCase
    new: UseCase
    before: list[Row]
    migrated: list[Row]
    migrated_online: pd.DataFrame
    scored_on: ScoreSummary
    scored_by: str
    filled: Backfilled | None
    after: list[Row]
    online: pd.DataFrame
    again: Backfilled | None
    rescored: ScoreSummary
    once_more: ScoreSummary
    frame: pd.DataFrame
    facts: dict[str, list[Row]]
    verdict: Verdict
    rolled_on: ScoreSummary


def rows() -> list[Row]:
    return query("SELECT * FROM features.leads ORDER BY lead_id, event_timestamp, created_timestamp")


def keys() -> list[str]:
    return [row["lead_id"] for row in query("SELECT lead_id FROM features.leads_latest ORDER BY lead_id")]


@pytest.fixture(scope="module")
def story(postgres: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    clean_database()
    forget_models()
    steps.load(LEADS, DAYS)
    with use_cases_in(tmp_path_factory.mktemp("use_cases")) as folder:
        yield _told(folder)
    with psycopg.connect(settings.required("LEADMILL_WAREHOUSE_URL"), autocommit=True) as owner:
        owner.execute("DROP SCHEMA crm CASCADE")
        owner.execute("DROP SCHEMA sim CASCADE")
    clean_database()
    forget_models()


def _told(folder: Any) -> Story:
    old = copied("leads", folder, smaller)
    run_etl(old, online=True)
    assert train(old, "first").passed
    score(old, "score-1")
    before = rows()
    # 1 and 2: the column and its SQL. 3: the next window brings the tables in step.
    new = edited("leads", folder, declared, derived)
    # No midnight passes: the newest rows of most leads stay as they are.
    steps.simulate(0.1)
    run_etl(new, online=True)
    migrated, migrated_online = rows(), lookup(new, keys())
    scored_on, scored_by = score(new, "score-2"), str(champion_version(new))
    # 4: the past.
    filled = backfill(new, "backfill-1")
    after, online = rows(), lookup(new, keys())
    again = backfill(new, "backfill-2")
    assert rows() == after
    rescored, once_more = score(new, "score-3"), score(new, "score-4")
    facts: dict[str, list[Row]] = {}
    for fact in query("SELECT lead_id, kind, occurred_at, recorded_at, pages, seconds FROM features.leads_facts"):
        facts.setdefault(fact["lead_id"], []).append(fact)
    frame = training_frame(new)
    # 5: a model that uses it.
    verdict = train(new, "second")
    score(new, "score-5")
    steps.simulate(1)
    run_etl(new, online=True)
    return Story(
        old, new, before, migrated, migrated_online, scored_on, scored_by, filled, after, online, again, rescored,
        once_more, frame, facts, verdict, score(new, "score-6"),
    )  # fmt: skip


def brute_force(facts: Sequence[Row], moment: Any) -> Row:
    """The three features of a lead with these facts, in plain loops over those that are known at the moment."""
    acts = [
        fact
        for fact in facts
        if fact["recorded_at"] <= moment
        and fact["occurred_at"] <= moment
        and fact["kind"] not in ("lead", "won", "lost", "reopened", "other")
    ]
    pages = sum(fact["pages"] or 0 for fact in acts)
    seconds = sum(fact["seconds"] or 0 for fact in acts)
    contacts = sorted(
        (fact for fact in acts if fact["kind"] in CONTACTS),
        key=lambda fact: (-fact["occurred_at"].timestamp(), -fact["recorded_at"].timestamp(), fact["kind"]),
    )
    chats = [fact for fact in acts if fact["kind"] == "chat" and moment - fact["occurred_at"] < timedelta(days=7)]
    return {
        "chats_7d": len(chats),
        "seconds_per_page": round(seconds / pages, 6) if pages else None,
        "last_contact": contacts[0]["kind"] if contacts else "unknown",
    }


def newest(stored: Sequence[Row]) -> dict[tuple[str, Any], Row]:
    """Of each lead and event time the row that counts: the one written last."""
    return {(row["lead_id"], row["event_timestamp"]): row for row in stored}


def assert_right(found: Any, wanted: Row) -> None:
    """The three features of a row, filled where they are missing."""
    assert found["chats_7d"] == wanted["chats_7d"]
    assert found["last_contact"] == wanted["last_contact"]
    assert found["seconds_per_page_missing"] == (wanted["seconds_per_page"] is None)
    if wanted["seconds_per_page"] is not None:
        assert found["seconds_per_page"] == pytest.approx(wanted["seconds_per_page"], abs=2e-6)


def test_the_tables_migrate_by_themselves_and_old_rows_read_the_constant(story: Story) -> None:
    old = [row for row in story.migrated if row["window_id"] == 1]
    assert len(old) == len(story.before) > LEADS
    assert [{name: value for name, value in row.items() if name not in NEW} for row in old] == story.before
    assert {tuple(row[name] for name in NEW) for row in old} == {(0, 20.0, "unknown", True)}
    fresh = [row for row in story.migrated if row["window_id"] > 1]
    assert fresh
    for row in fresh:
        assert_right(row, brute_force(story.facts[row["lead_id"]], row["event_timestamp"]))


def test_online_every_lead_has_the_new_columns_after_the_next_window(story: Story) -> None:
    stored = {row["lead_id"]: row for row in story.migrated}
    assert len(story.migrated_online) == len(stored)
    for row in story.migrated_online.to_dict("records"):
        assert [row[name] for name in NEW] == [stored[row["lead_id"]][name] for name in NEW]


def test_the_champion_goes_on_scoring_without_them(story: Story) -> None:
    assert story.scored_by == "1"
    assert story.scored_on.published > 0
    shown = show_model(story.new, "1").model
    assert not set(NEW) & {item["name"] for item in shown.inputs}


def test_after_the_backfill_every_moment_has_the_value_that_was_known_then(story: Story) -> None:
    counted = newest(story.after)
    for (lead_id, moment), row in counted.items():
        assert_right(row, brute_force(story.facts[lead_id], moment))
    for name in ADDED:
        assert len({row[name] for row in counted.values()}) > 2, f"{name} says nothing in this test"
    # No imputer knows the column yet, so a gap reads as the constant.
    assert {row["seconds_per_page"] for row in story.after if row["seconds_per_page_missing"]} == {20.0}


def test_a_backfill_keeps_the_event_times_and_every_other_value(story: Story) -> None:
    before, after = newest(story.migrated), newest(story.after)
    assert set(before) <= set(after)
    assert story.after != story.migrated
    for moment, row in before.items():
        found = after[moment]
        assert {name: value for name, value in row.items() if name not in WRITTEN} == {
            name: value for name, value in found.items() if name not in WRITTEN
        }
        assert found["created_timestamp"] >= row["created_timestamp"]
    assert {row["spec_version"] for row in after.values()} == {story.new.version}
    kept = [row for row in story.after if row["spec_version"] == story.old.version]
    assert kept == [row for row in story.migrated if row["spec_version"] == story.old.version]


def test_a_second_backfill_finds_nothing(story: Story) -> None:
    assert story.filled is not None
    assert story.again is None


def test_the_newest_view_and_the_online_store_hold_the_backfilled_rows(story: Story) -> None:
    latest = {row["lead_id"]: row for row in story.after}
    assert len(story.online) == len(latest)
    for row in story.online.to_dict("records"):
        stored = latest[row["lead_id"]]
        assert row["event_timestamp"].floor("s") == pd.Timestamp(stored["event_timestamp"]).floor("s")
        assert {name: row[name] for name in row if name != "event_timestamp"} == {
            name: stored[name] for name in row if name != "event_timestamp"
        }


def test_training_reads_the_backfilled_values_of_each_time(story: Story) -> None:
    assert len(story.frame) > 100
    for row in story.frame.to_dict("records"):
        assert_right(row, brute_force(story.facts[row["lead_id"]], row["as_of"].to_pydatetime()))


def test_backfilled_leads_are_rescored_once(story: Story) -> None:
    scored = query("SELECT count(*) AS n FROM scores.leads_history WHERE run_id = 'score-3'")[0]["n"]
    assert story.rescored.published == scored > 0
    assert story.once_more.published == 0
    # The champion does not use the new features: nobody's score has moved.
    moved = query(
        "SELECT a.lead_id FROM scores.leads_history AS a JOIN scores.leads_history AS b USING (lead_id) "
        "WHERE a.run_id = 'score-3' AND b.run_id IN ('score-1', 'score-2') AND b.scored_at = ("
        "SELECT max(c.scored_at) FROM scores.leads_history AS c WHERE c.lead_id = a.lead_id "
        "AND c.run_id IN ('score-1', 'score-2')) AND abs(a.probability - b.probability) > 1e-12"
    )
    assert moved == []


def test_the_next_model_uses_them_and_new_data_goes_on_being_scored(story: Story) -> None:
    assert story.verdict.passed, story.verdict.reasons
    serving = champion(story.new)
    assert serving.version == "2"
    assert set(ADDED) <= {item.name for item in serving.inputs}
    assert story.rolled_on.published > 0
    assert story.rolled_on.stale == 0
    key = query("SELECT lead_id FROM scores.leads WHERE run_id = 'score-6' ORDER BY lead_id LIMIT 1")[0]["lead_id"]
    now = predict(story.new, serving, lookup(story.new, [key]))["probability"].tolist()
    assert query("SELECT probability FROM scores.leads WHERE lead_id = %s", [key])[0]["probability"] in now
