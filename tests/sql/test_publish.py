"""Publication: what is appended, what is unchanged, which label counts."""

import os
import signal
import time
from datetime import timedelta

import psycopg
import pytest
from support import START, Row, Warehouse, key, lead, query, rows_of, run_etl, run_stage, x_education

from leadmill import settings
from leadmill.errors import LeadmillError
from leadmill.extract.extract import extract
from leadmill.features.publish import publish_features
from leadmill.local import stack
from leadmill.local.postgres import Server
from leadmill.scoring.status import refused_sql

HOUR = timedelta(hours=1)


def run(crm: Warehouse, *rows: Row) -> Row:
    """Record rows now, run the ETL a day later; the ledger's row of that window."""
    crm.insert(rows, crm.now())
    crm.later()
    run_etl(x_education())
    return query("SELECT * FROM ops.windows ORDER BY window_id DESC LIMIT 1")[0]


def counts(window: Row) -> tuple[int, ...]:
    return tuple(window[name] for name in ("touched", "appended", "unchanged", "refused"))


def test_only_what_changed_is_appended(crm: Warehouse) -> None:
    assert counts(run(crm, lead(1), lead(2), lead(3))) == (3, 3, 0, 0)
    again = run(crm, lead(1), lead(2, totalvisits="9"), lead(4))
    assert counts(again) == (3, 2, 1, 0)
    assert (again["read"], again["accepted"], again["rejected"], again["already_seen"]) == (3, 3, 0, 0)
    found = query("SELECT lead_id, total_visits, window_id FROM features.x_education ORDER BY lead_id, event_timestamp")
    assert [tuple(row.values()) for row in found] == [
        (key(1), 3, 1), (key(2), 3, 1), (key(2), 9, 2), (key(3), 3, 1), (key(4), 3, 2),
    ]  # fmt: skip
    confirmed = query("SELECT lead_id, recorded_at, window_id FROM features.x_education_confirmed")
    assert confirmed == [{"lead_id": key(1), "recorded_at": START + timedelta(days=1), "window_id": 2}]


def test_a_row_that_says_nothing_new_takes_a_refusal_back(crm: Warehouse) -> None:
    refused = refused_sql(x_education())
    others = [lead(number) for number in range(2, 12)]
    run(crm, lead(1), *others)
    run(crm, lead(1, totalvisits="many"), *others)
    assert [tuple(row.values()) for row in query(refused)] == [(key(1),)]
    run(crm, lead(1))
    assert query(refused) == []


def test_a_late_column_or_a_spelling_makes_no_new_row(crm: Warehouse) -> None:
    run(crm, lead(1))
    assert counts(run(crm, lead(1, tags="Will revert", magazine="No", lead_source="GOOGLE", totalvisits="3.0"))) == (
        1,
        0,
        1,
        0,
    )


def test_a_value_that_returns_is_appended_again(crm: Warehouse) -> None:
    run(crm, lead(1))
    run(crm, lead(1, city="Thane & Outskirts"))
    assert counts(run(crm, lead(1))) == (1, 1, 0, 0)
    assert [r["city"] for r in query("SELECT city FROM features.x_education ORDER BY event_timestamp")] == [
        "mumbai", "thane_outskirts", "mumbai",
    ]  # fmt: skip
    assert query("SELECT city FROM features.x_education_latest") == [{"city": "mumbai"}]


def test_two_versions_in_one_window_are_compared_with_each_other(crm: Warehouse) -> None:
    crm.insert([lead(1)], START)
    crm.insert([lead(1, city=None)], START + HOUR)
    crm.insert([lead(1, city=None)], START + 2 * HOUR)
    crm.move_clock(START + 3 * HOUR)
    run_etl(x_education())
    found = query("SELECT city, event_timestamp, created_timestamp FROM features.x_education ORDER BY event_timestamp")
    assert [(row["city"], row["event_timestamp"]) for row in found] == [("mumbai", START), ("unknown", START + HOUR)]
    # The entity's first version was never the newest at the source, but it was one: the history holds it.
    assert {row["created_timestamp"] for row in found} == {START + 3 * HOUR}


def test_a_late_fact_is_a_row_at_its_own_time_and_not_the_newest(crm: Warehouse) -> None:
    crm.insert([lead(1, totalvisits="5")], START - timedelta(minutes=2))
    run_etl(x_education())
    crm.insert([lead(1, totalvisits="4")], START - timedelta(minutes=5))
    crm.later()
    run_etl(x_education())
    found = query("SELECT total_visits, created_timestamp FROM features.x_education ORDER BY event_timestamp")
    assert [row["total_visits"] for row in found] == [4, 5]
    assert found[0]["created_timestamp"] > found[1]["created_timestamp"]
    assert query("SELECT total_visits FROM features.x_education_latest") == [{"total_visits": 5}]


def test_of_equal_times_the_later_written_wins(crm: Warehouse) -> None:
    crm.insert([lead(1, totalvisits="5")], START - timedelta(minutes=2))
    run_etl(x_education())
    crm.insert([lead(1, totalvisits="6")], START - timedelta(minutes=2))
    crm.later()
    run_etl(x_education())
    assert len(query("SELECT FROM features.x_education")) == 2
    assert query("SELECT total_visits FROM features.x_education_latest") == [{"total_visits": 6}]


def test_labels_are_versions_too(crm: Warehouse) -> None:
    run(crm, lead(1, converted="0"), lead(2, converted=None), lead(3, converted="Yes"))
    second = crm.now()
    run(crm, lead(1, converted="1"))
    found = query(
        "SELECT lead_id, label, known_at, window_id FROM features.x_education_labels ORDER BY known_at, lead_id"
    )
    assert [tuple(row.values()) for row in found] == [
        (key(1), 0, START, 1), (key(3), 1, START, 1), (key(1), 1, second, 2),
    ]  # fmt: skip
    # The features did not change, so nothing was appended for them.
    assert len(query("SELECT FROM features.x_education")) == 3


def test_publishing_again_changes_nothing(crm: Warehouse) -> None:
    run(crm, lead(1), lead(2))
    before = [rows_of(table) for table in ("features.x_education", "features.x_education_labels", "ops.windows")]
    again = publish_features(x_education(), "x_education/1")
    assert (again.table, again.appended) == ("features.x_education@1", 2)
    assert again.describe() == "2 entities: 2 with new features, 0 unchanged, 0 refused"
    assert [rows_of(t) for t in ("features.x_education", "features.x_education_labels", "ops.windows")] == before
    assert rows_of("staging.x_education") == []


def test_a_held_work_table_is_emptied_without_waiting(crm: Warehouse) -> None:
    run(crm, lead(1))
    with psycopg.connect(settings.current().database_url) as backup:
        backup.execute("SELECT count(*) FROM staging.x_education")
        assert counts(run(crm, lead(2))) == (1, 1, 0, 0)
    assert rows_of("staging.x_education") == []


def test_a_window_that_a_crash_of_the_server_emptied_is_read_again(crm: Warehouse, postgres: dict[str, str]) -> None:
    crm.insert([lead(1), lead(2)], START)
    crm.later()
    found = extract(x_education(), "test")
    assert found.window
    address = found.window.address
    for stage in ("check_raw", "impute_encode", "check_features"):
        run_stage(stage, address)
    server = Server(stack.folder())
    pid, port = server.pid(), server.port()
    assert pid
    assert port
    os.kill(pid, signal.SIGQUIT)
    while server.running():
        time.sleep(0.1)
    server.start(port)
    crm.connection.close()
    crm.connection = psycopg.connect(postgres["LEADMILL_WAREHOUSE_URL"], autocommit=True)
    with pytest.raises(LeadmillError, match=r"should have 2 prepared rows and has 0\. Nothing was published; run"):
        publish_features(x_education(), address)
    assert rows_of("features.x_education") == []
    assert run_etl(x_education()) == address
    assert len(rows_of("features.x_education")) == 2


def test_a_window_that_is_none_is_said(crm: Warehouse) -> None:
    run(crm, lead(1))
    with pytest.raises(LeadmillError, match="no window 99 of 'x_education'"):
        publish_features(x_education(), "x_education/99")


def test_people_may_read_and_nothing_more(crm: Warehouse, postgres: dict[str, str]) -> None:
    run(crm, lead(1))
    with psycopg.connect(postgres["LEADMILL_READER_URL"]) as reader:
        reader.execute("SET default_transaction_read_only = off")
        for table in ("features.x_education", "features.x_education_latest", "rejected.x_education", "ops.windows"):
            assert reader.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() is not None
        for statement in (b"DELETE FROM features.x_education", b"SELECT * FROM raw.x_education"):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                reader.execute(statement)
            reader.rollback()
