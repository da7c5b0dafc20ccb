"""What a new feature does to the rows that are there: small histories of `leads`, and a snapshot."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from added_support import copied, edited, folder, use_cases_in
from event_support import BEGIN, DAY, HOUR, MINUTE, Crm, activity, events, outcome, version, visit
from support import START, Row, Warehouse, clean_database, killed_at, query, rows_of, run_etl, varied

from leadmill.errors import ColumnChanged, FeaturesFailed, LeadmillError, WindowBlocked
from leadmill.features.backfill import backfill
from leadmill.features.history import training_frame
from leadmill.features.materialize import materialize
from leadmill.features.online import lookup
from leadmill.spec import UseCase

__all__ = ["events", "folder"]

pytestmark = pytest.mark.slow

COUNT: dict[str, Any] = {"type": "int", "min": 0, "impute": "none", "fill": 0}
POINTS = (
    "backfill.moments",
    "impute_encode.copied",
    "publish.appended",
    "publish.before_commit",
    "publish.committed",
    "materialize.written",
)
LEFT = ("features.leads", "features.leads_latest", "online.leadmill_leads_features", "staging.leads", "ops.windows")


def facts_only(raw: dict[str, Any]) -> None:
    """Of the features only those that the facts carry: nothing that changes with time alone; and few ages."""
    raw["as_of"] = ["1d", "7d", "14d"]
    raw["features"] = {name: body for name, body in raw["features"].items() if body.get("fact")}


def with_counts(raw: dict[str, Any]) -> None:
    """Two that features.sql derives already."""
    raw["features"] |= {"visits_1d": COUNT, "chats_30d": COUNT}


def seen(number: int, after: timedelta) -> Any:
    """A visit so long after BEGIN, by the clocks of Berlin, recorded half an hour later."""
    moment = BEGIN + after
    return visit(number, moment.replace(tzinfo=None) + HOUR, moment + HOUR / 2)


def values(number: int, column: str) -> dict[timedelta, Any]:
    """Time after BEGIN -> the value that a lead has from then on."""
    lead_id = version(number, BEGIN)["lead_id"]
    rows = query(
        "SELECT * FROM features.leads WHERE lead_id = %s ORDER BY event_timestamp, created_timestamp", [lead_id]
    )
    return {row["event_timestamp"] - BEGIN: row[column] for row in rows}


def test_an_age_that_had_no_row_of_its_own_gets_one_where_the_new_feature_differs(events: Crm, folder: Path) -> None:
    old = copied("leads", folder, facts_only)
    facts = [version(1, BEGIN), version(2, BEGIN), seen(1, HOUR), seen(2, HOUR), outcome(2, "lost", BEGIN + 2 * DAY)]
    events.run(*facts, until=BEGIN + 10 * DAY, use_case=old)
    assert values(1, "city") == {1.5 * HOUR: "mumbai"}
    new = edited("leads", folder, with_counts)
    events.run(version(3, BEGIN + 10 * DAY), until=BEGIN + 10 * DAY + HOUR, use_case=new)
    assert values(1, "visits_1d") == {1.5 * HOUR: 0}
    assert backfill(new, "test") is not None
    assert values(1, "visits_1d") == {1.5 * HOUR: 1, 7 * DAY: 0}
    # The second was closed at that age.
    assert values(2, "visits_1d") == {DAY: 1, 2 * DAY: 0}
    assert backfill(new, "test") is None


def few(crm: Crm, folder: Path) -> UseCase:
    """A short history with a feature added to it, and one more window."""
    old = copied("leads", folder, facts_only)
    facts = [fact for number in range(6) for fact in (version(number, BEGIN), seen(number, number * HOUR))]
    facts += [activity(number, "chat", BEGIN + 3 * DAY) for number in range(3)]
    crm.run(*facts, until=BEGIN + 8 * DAY, use_case=old)
    materialize(old)
    new = edited("leads", folder, with_counts)
    crm.run(version(7, BEGIN + 8 * DAY), until=BEGIN + 8 * DAY + HOUR, use_case=new)
    materialize(new)
    return new


def left() -> Mapping[str, list[Row]]:
    return {table: rows_of(table) for table in LEFT}


def test_killed_anywhere_and_run_again_leaves_the_rows_of_a_clean_backfill(events: Crm, tmp_path: Path) -> None:
    states = []
    for kills in ((), POINTS):
        clean_database()
        events.create()
        with use_cases_in(tmp_path / str(len(kills))) as folder:
            folder.mkdir()
            use_case = few(events, folder)
            before = left()
            for point in kills:
                assert killed_at(point, backfill, use_case, "test") == -9, f"not killed at {point}"
                published = POINTS.index(point) >= POINTS.index("publish.committed")
                assert (rows_of("features.leads") == before["features.leads"]) is not published, point
            backfill(use_case, "test")
            states.append(left())
    clean, killed = states
    for table in LEFT:
        assert killed[table] == clean[table], table
    assert values(0, "chats_30d")[3 * DAY] == 1


def test_an_etl_between_a_killed_backfill_and_the_next_loses_nothing(events: Crm, folder: Path) -> None:
    use_case = few(events, folder)
    assert killed_at("impute_encode.copied", backfill, use_case, "test") == -9
    late = BEGIN + 8 * DAY + 2 * HOUR
    events.run(activity(5, "chat", late), until=late, use_case=use_case)
    assert values(5, "chats_30d")[8 * DAY + 2 * HOUR] == 1
    assert values(1, "chats_30d") == {DAY: 0}
    assert backfill(use_case, "test") is not None
    assert values(1, "chats_30d") == {DAY: 0, 3 * DAY: 1}
    assert query("SELECT status FROM ops.windows WHERE status <> 'published'") == []


def test_a_blocked_backfill_is_given_up_where_its_feature_leaves_the_spec(events: Crm, folder: Path) -> None:
    def strict(raw: dict[str, Any]) -> None:
        facts_only(raw)
        raw["source"]["rejected_allowed"] = 0

    old = copied("leads", folder, strict)
    events.run(version(1, BEGIN), seen(1, HOUR), until=BEGIN + 10 * DAY, use_case=old)
    new = edited("leads", folder, lambda raw: raw["features"].update(visits_1d={**COUNT, "max": 0}))
    with pytest.raises(WindowBlocked, match="prepared rows are not fit"):
        backfill(new, "test")
    back = edited("leads", folder, lambda raw: raw["features"].pop("visits_1d"))
    assert backfill(back, "test") is None
    assert query("SELECT FROM ops.windows WHERE status <> 'published'") == []


def test_a_backfill_waits_for_a_window_in_work(events: Crm, folder: Path) -> None:
    from leadmill.extract.extract import extract

    use_case = few(events, folder)
    events.add(activity(5, "chat", BEGIN + 9 * DAY))
    events.move_clock(BEGIN + 9 * DAY + MINUTE)
    extract(use_case, "test")
    with pytest.raises(LeadmillError, match=r"is not published yet. Run leads_etl first"):
        backfill(use_case, "test")


def test_another_type_is_another_feature(events: Crm, folder: Path) -> None:
    use_case = few(events, folder)
    before = left()
    changed = edited("leads", folder, lambda raw: raw["features"]["visits_1d"].update(type="float"))
    for action in (lambda: run_etl(changed), lambda: backfill(changed, "test")):
        with pytest.raises(ColumnChanged, match="'visits_1d' of 'leads' is double precision by the spec and bigint in"):
            action()
    assert left() == before
    edited("leads", folder, lambda raw: raw["features"]["visits_1d"].update(type="int"))
    assert backfill(use_case, "test") is not None


def test_before_the_next_window_everything_reads_the_constant(events: Crm, folder: Path) -> None:
    old = copied("leads", folder, facts_only)
    events.run(version(1, BEGIN), until=BEGIN + 60 * DAY, use_case=old)
    materialize(old)
    lead_id = version(1, BEGIN)["lead_id"]
    before = lookup(old, [lead_id])
    new = edited("leads", folder, with_counts)
    expected = before.assign(visits_1d=0, chats_30d=0)
    for _ in range(2):
        found = lookup(new, [lead_id, "nobody"])
        pd.testing.assert_frame_equal(found[expected.columns], expected)
        # The second time, Feast knows of columns that no row online has.
        frame = training_frame(new)
        assert len(frame) == 3
        assert frame[["visits_1d", "chats_30d"]].eq(0).all(axis=None)
    run_etl(new, online=True)
    pd.testing.assert_frame_equal(lookup(new, [lead_id])[expected.columns], expected)


def test_a_feature_that_the_sql_does_not_give_is_said_in_one_line(events: Crm, folder: Path) -> None:
    few(events, folder)
    before = left()
    wrong = edited("leads", folder, lambda raw: raw["features"].update(visist_7d=COUNT))
    said = r"""features of 'leads' failed: column "visist_7d" does not exist \(Perhaps .*visits_7d.*Nothing"""
    with pytest.raises(FeaturesFailed, match=said):
        backfill(wrong, "test")
    events.add(activity(5, "chat", BEGIN + 9 * DAY))
    events.move_clock(BEGIN + 9 * DAY + MINUTE)
    with pytest.raises(FeaturesFailed, match=said):
        run_etl(wrong)
    columns = {"visist_7d"}
    assert rows_of("features.leads", without=columns) == before["features.leads"]
    right = edited("leads", folder, lambda raw: raw["features"].pop("visist_7d"))
    assert run_etl(right) is not None
    assert values(5, "chats_30d")[9 * DAY] == 1


def test_a_fact_that_says_more_than_when_it_was_read_is_not_counted_twice(events: Crm, folder: Path) -> None:
    """A new column of the facts: those in the overlap with the last window come again, now with a value for it."""
    old = copied("leads", folder, with_counts)
    read = BEGIN + DAY
    events.run(version(1, BEGIN), activity(1, "chat", read), until=read + MINUTE, use_case=old)
    query_file = folder / "leads" / "sql" / "extract.sql"
    query_file.write_text(f"SELECT *, upper(kind) AS shout FROM ({query_file.read_text()}) AS facts")
    new = edited("leads", folder, lambda raw: raw["facts"].update(shout={"type": "category"}))
    events.run(activity(1, "chat", read + MINUTE), until=read + 2 * MINUTE, use_case=new)
    told = query("SELECT kind, shout FROM features.leads_facts ORDER BY recorded_at")
    assert [(row["kind"], row["shout"]) for row in told] == [("lead", None), ("chat", None), ("chat", "chat")]
    assert [values(1, "chats_30d")[moment] for moment in (DAY, DAY + MINUTE)] == [1, 2]


def without_search(raw: dict[str, Any]) -> None:
    del raw["features"]["search"]


def with_search(raw: dict[str, Any]) -> None:
    raw["features"]["search"] = {"type": "bool", "impute": "constant", "fill": False}


def test_a_snapshots_new_column_reads_its_constant_until_the_row_is_recorded_again(
    crm: Warehouse, folder: Path
) -> None:
    old = copied("x_education", folder, without_search)
    rows = [varied(number) | {"search": "Yes"} for number in range(4)]
    crm.insert(rows)
    crm.move_clock(START + HOUR)
    run_etl(old, online=True)
    new = edited("x_education", folder, with_search)
    crm.insert([rows[0], varied(9) | {"search": "Yes"}], START + 2 * HOUR)
    crm.move_clock(START + DAY)
    run_etl(new, online=True)
    stored = query("SELECT * FROM features.x_education_latest ORDER BY lead_id")
    assert [(row["search"], row["search_missing"]) for row in stored] == [
        (True, False), (False, True), (False, True), (False, True), (True, False),
    ]  # fmt: skip
    online = lookup(new, [row["lead_id"] for row in stored]).sort_values("lead_id")
    assert online[["search", "search_missing"]].to_numpy().tolist() == [
        [row["search"], row["search_missing"]] for row in stored
    ]
    with pytest.raises(LeadmillError, match="'x_education' reads a snapshot: of past rows only the columns read then"):
        backfill(new, "test")
