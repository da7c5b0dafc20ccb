"""Extract: windows of the watermark, overlap, duplicates, the ledger."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from support import START, Warehouse, changed_use_case, finish, key, lead, query, rows_of, run_etl, x_education

from leadmill import settings
from leadmill.errors import NoClock, SourceColumnsChanged, SourceUnreachable, SpecError
from leadmill.extract.extract import Extraction, extract
from leadmill.extract.watch import unread_watermark

MINUTE = timedelta(minutes=1)


def window(number: int = 1) -> dict[str, object]:
    return query("SELECT * FROM ops.windows WHERE window_id = %s", [number])[0]


def raw_keys() -> list[str]:
    return [row["lead_id"] for row in query("SELECT lead_id FROM raw.x_education ORDER BY window_id, row_no")]


def read() -> Extraction:
    return extract(x_education(), "test")


def test_rows_arrive_whole_in_the_order_of_recording(crm: Warehouse) -> None:
    crm.insert([lead(2, city="Select", country=None)], START)
    crm.insert([lead(1, lead_source="Ölark; 'Chat\"")], START - MINUTE)
    crm.move_clock(START + MINUTE)
    found = read()
    assert (found.read, found.new, found.empty) == (2, 2, False)
    rows = query("SELECT * FROM raw.x_education ORDER BY row_no")
    assert [row["lead_id"] for row in rows] == [key(1), key(2)]
    assert rows[0]["lead_source"] == "Ölark; 'Chat\""
    assert (rows[1]["city"], rows[1]["country"], rows[1]["total_visits"]) == ("Select", None, "3")
    assert (rows[1]["recorded_at"], rows[1]["converted"]) == (START, "0")


def test_signs_that_copy_writes_otherwise_arrive_as_they_are(crm: Warehouse) -> None:
    odd = ["two\nlines", "tab\there", "back\\slash \\N \\.", "\r\n", "", "\\"]
    crm.insert([lead(number, city=value) for number, value in enumerate(odd)], START - MINUTE)
    assert read().new == len(odd)
    found = query("SELECT city FROM raw.x_education ORDER BY row_no")
    assert [row["city"] for row in found] == odd


def test_a_window_ends_a_safety_lag_before_now(crm: Warehouse) -> None:
    crm.insert([lead(1)], START - MINUTE)
    crm.insert([lead(2)], START - MINUTE + timedelta(microseconds=1))
    crm.insert([lead(3)], START + timedelta(days=400))
    assert read().new == 1
    assert raw_keys() == [key(1)]
    assert (window()["since"], window()["until"], window()["source_now"]) == (None, START - MINUTE, START)


def test_overlap_is_read_and_counted_as_seen(crm: Warehouse) -> None:
    crm.insert([lead(1)], START - 20 * MINUTE)
    crm.insert([lead(2), lead(3)], START - 5 * MINUTE)
    run_etl(x_education())
    # A row that was committed late, recorded inside the overlap.
    crm.insert([lead(4)], START - 4 * MINUTE)
    crm.later()
    found = read()
    assert (found.read, found.new) == (3, 1)
    assert (window(2)["read"], window(2)["already_seen"]) == (3, 2)
    assert window(2)["since"] == START - MINUTE
    assert raw_keys() == [key(1), key(2), key(3), key(4)]


def test_a_row_delivered_twice_counts_once(crm: Warehouse) -> None:
    crm.insert([lead(1), lead(1), lead(1, city="Thane & Outskirts")], START - MINUTE)
    found = read()
    # The same values at the same time are one row; other values are another, which the key rule will judge.
    assert (found.read, found.new) == (3, 2)


def test_a_row_counts_once_however_often_windows_read_it(crm: Warehouse) -> None:
    late = START - 3 * MINUTE
    crm.insert([lead(1), lead(2)], late)
    run_etl(x_education())
    # Sent again at the same time, three times over; the same content at another time is another row.
    crm.insert([lead(2), lead(3), lead(2), lead(3)], late)
    crm.insert([lead(2)], START)
    crm.later()
    found = read()
    assert (found.read, found.new) == (7, 2)
    assert (window(2)["read"], window(2)["already_seen"]) == (7, 5)
    assert raw_keys() == [key(1), key(2), key(3), key(2)]


def test_nothing_new_closes_the_window_and_moves_the_watermark(crm: Warehouse) -> None:
    crm.insert([lead(1)], START - MINUTE)
    run_etl(x_education())
    until = crm.later() - MINUTE
    found = read()
    assert found.empty
    assert (window(2)["status"], window(2)["until"], window(2)["materialized"]) == ("published", until, True)
    assert (window(2)["accepted"], window(2)["rejected"], window(2)["touched"]) == (0, 0, 0)


def test_a_clock_that_stands_opens_no_window(crm: Warehouse) -> None:
    crm.insert([lead(1)], START - MINUTE)
    run_etl(x_education())
    assert read() == Extraction(None, 0, 0, empty=True)
    assert len(query("SELECT FROM ops.windows")) == 1


def test_an_empty_source_is_an_empty_window(crm: Warehouse) -> None:
    found = read()
    assert (found.read, found.empty, window()["status"]) == (0, True, "published")


def test_an_unfinished_window_is_read_again_extended(crm: Warehouse) -> None:
    crm.insert([lead(1)], START - MINUTE)
    first = read()
    crm.insert([lead(2)], START)
    crm.later()
    again = read()
    assert first.window
    assert again.window
    assert again.window.window_id == first.window.window_id
    assert (again.new, again.window.attempts) == (2, 2)
    assert raw_keys() == [key(1), key(2)]


def test_reading_again_leaves_the_same_rows(crm: Warehouse) -> None:
    crm.insert([lead(n) for n in range(5)], START - MINUTE)
    read()
    before = rows_of("raw.x_education")
    assert read().new == 5
    assert rows_of("raw.x_education") == before


def test_rows_without_a_watermark_are_reported(crm: Warehouse) -> None:
    crm.insert([lead(1)], START - MINUTE)
    crm.insert([lead(2), lead(3)], None)
    assert read().new == 1
    assert window()["null_watermark"] == 2


def test_a_column_gone_blocks_the_window_and_says_which(crm: Warehouse) -> None:
    crm.insert([lead(1)], START - MINUTE)
    run_etl(x_education())
    before = rows_of("features.x_education")
    crm.execute("ALTER TABLE x_education.leads DROP COLUMN totalvisits")
    crm.later()
    with pytest.raises(SourceColumnsChanged, match=r"totalvisits.*watermark stays"):
        read()
    blocked = window(2)
    assert blocked["status"] == "blocked"
    assert "totalvisits" in str(blocked["blocked_reason"])
    assert rows_of("features.x_education") == before
    # Mended, the same window goes through.
    crm.execute("ALTER TABLE x_education.leads ADD COLUMN totalvisits text DEFAULT '3'")
    crm.insert([lead(2)], START)
    assert run_etl(x_education()) == "x_education/2"
    assert (window(2)["status"], window(2)["blocked_reason"], window(2)["attempts"]) == ("published", None, 2)


def test_a_table_gone_is_said_too(crm: Warehouse) -> None:
    crm.execute("DROP TABLE x_education.leads")
    with pytest.raises(SpecError, match=r"source\.relations\.0: found 'x_education\.leads'; allowed: a table or view"):
        read()
    assert window(1)["status"] == "blocked"


def test_an_unreachable_source_is_named_without_its_password(
    crm: Warehouse, postgres: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.insert([lead(1)], START - MINUTE)
    url = postgres["AIRFLOW_CONN_WAREHOUSE"]
    password = url.split(":")[2].partition("@")[0]
    closed = url.replace(f":{postgres['LEADMILL_PG_PORT']}/", ":1/")
    for wrong in (closed, url.replace(password, "wrong-" + password)):
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", wrong)
        settings.current.cache_clear()
        with pytest.raises(SourceUnreachable, match="connection 'warehouse'") as caught:
            read()
        assert "127.0.0.1" in str(caught.value)
        assert "nothing changed" in str(caught.value)
        assert password not in str(caught.value)
        with pytest.raises(SourceUnreachable):
            unread_watermark(x_education())
    assert rows_of("ops.windows") == []


def test_a_source_that_fails_amid_its_rows_leaves_nothing(crm: Warehouse, tmp_path: Path) -> None:
    crm.insert([lead(number) for number in range(3_000)], START - MINUTE)
    use_case = changed_use_case(tmp_path, lambda raw: None)
    file = use_case.folder / "sql" / "extract.sql"
    # Late enough that rows are on their way when it happens.
    late = "1 / (line - 2900) > -2 AND recorded_at > :since"
    file.write_text(file.read_text().replace("recorded_at > :since", late))
    with pytest.raises(SourceColumnsChanged, match=r"division by zero\. Nothing was published"):
        extract(use_case, "test")
    assert query("SELECT count(*) AS rows FROM raw.x_education")[0]["rows"] == 0
    assert read().new == 3_000


def test_a_source_without_a_clock_is_told_apart(crm: Warehouse) -> None:
    crm.execute("DELETE FROM demo.clock")
    with pytest.raises(NoClock, match=r"demo\.clock, cannot be read.*leadmill load x_education"):
        read()
    crm.execute("DROP TABLE demo.clock")
    with pytest.raises(NoClock):
        read()


def test_the_pipeline_cannot_write_to_the_source(crm: Warehouse) -> None:

    from leadmill.storage.source import source_connection

    with source_connection(x_education()) as connection:
        for statement in (b"DELETE FROM x_education.leads", b"CREATE TABLE x_education.mine (a int)"):
            with pytest.raises((psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege)):
                connection.execute(statement)
            connection.rollback()


def test_the_watch_sees_what_no_window_covers(crm: Warehouse) -> None:
    use_case = x_education()
    assert unread_watermark(use_case) is None
    crm.insert([lead(1)], START - MINUTE)
    assert unread_watermark(use_case) == START - MINUTE
    found = read()
    assert unread_watermark(use_case) == START - MINUTE
    assert found.window
    finish(use_case, found.window.address)
    assert unread_watermark(use_case) is None
    # A row within the safety lag is not readable yet.
    crm.insert([lead(2)], START)
    assert unread_watermark(use_case) is None
    crm.later(MINUTE)
    assert unread_watermark(use_case) == START


def test_the_watch_reads_a_watermark_without_time_zone_as_extract_does(crm: Warehouse, tmp_path: Path) -> None:
    crm.execute("ALTER TABLE x_education.leads ALTER recorded_at TYPE timestamp")
    use_case = changed_use_case(tmp_path, lambda raw: raw["source"].update(timezone="Europe/Paris"))
    paris = (START - MINUTE).astimezone(ZoneInfo("Europe/Paris")).replace(tzinfo=None)
    # By the clocks of Paris this is an hour ahead of UTC, and past all the same.
    crm.insert([lead(1)], paris)
    assert unread_watermark(use_case) == START - MINUTE
    assert run_etl(use_case)
    assert unread_watermark(use_case) is None
    crm.insert([lead(2)], paris + 2 * MINUTE)
    assert unread_watermark(use_case) is None
    crm.later(2 * MINUTE)
    assert unread_watermark(use_case) == START + MINUTE


def test_odd_times_are_no_trouble(crm: Warehouse) -> None:
    crm.insert([lead(1)], datetime(1, 1, 2, tzinfo=UTC))
    crm.execute("UPDATE x_education.leads SET recorded_at = '4713-01-01 BC' WHERE line = 1")
    crm.insert([lead(2)], START - MINUTE)
    crm.insert([lead(3)], START - MINUTE)
    crm.execute("UPDATE x_education.leads SET recorded_at = 'infinity' WHERE line = 3")
    assert read().new == 1
    assert window()["null_watermark"] == 0
