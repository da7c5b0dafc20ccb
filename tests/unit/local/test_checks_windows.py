from collections.abc import Callable, Iterator

import psycopg
import pytest
from support import clean_database

from leadmill.local import checks_windows

Insert = Callable[..., int]
PUBLISHED = {
    "status": "published",
    "published_at": "2026-02-03 16:20+00",
    **dict.fromkeys(("accepted", "rejected", "already_seen", "touched", "appended", "unchanged", "refused"), 0),
}


@pytest.fixture
def window(postgres: dict[str, str]) -> Iterator[Insert]:
    """Adds a window of x_education with these values to an empty ledger; its number."""
    with psycopg.connect(postgres["LEADMILL_DATABASE_URL"], autocommit=True) as connection:
        clean_database()

        def insert(**values: object) -> int:
            given = {"use_case": "x_education", "until": "2026-02-03", "source_now": "2026-02-03", **values}
            query = (
                f"INSERT INTO ops.windows ({', '.join(given)}) VALUES ({', '.join(['%s'] * len(given))}) "
                "RETURNING window_id"
            )
            row = connection.execute(query.encode(), list(given.values())).fetchone()
            assert row is not None
            return int(row[0])

        yield insert
        clean_database()


def test_an_empty_ledger_is_no_finding(window: Insert) -> None:
    assert [finding for check in checks_windows.WINDOW_CHECKS for finding in check()] == []


def test_a_blocked_window_is_wrong(window: Insert) -> None:
    number = window(status="blocked", blocked_reason="too few rows")
    (finding,) = checks_windows.blocked_windows()
    assert (finding.level, finding.found) == ("wrong", f"x_education, window {number}: too few rows")


def test_rows_without_a_watermark_are_told_with_table_and_column(window: Insert) -> None:
    number = window(status="open", null_watermark=1200)
    (finding,) = checks_windows.rows_without_watermark()
    assert finding.level == "note"
    assert finding.found.startswith(f"x_education, window {number}: 1,200 rows of the source have no watermark")
    assert finding.remedy is not None
    assert "recorded_at in x_education.leads" in finding.remedy


def test_the_newest_window_tells_whether_rows_lack_a_watermark(window: Insert) -> None:
    window(**PUBLISHED, null_watermark=1200)
    window(status="open")
    assert list(checks_windows.rows_without_watermark()) == []


def test_a_use_case_that_was_removed_is_left_out(window: Insert) -> None:
    window(use_case="gone", status="open", null_watermark=1)
    assert list(checks_windows.rows_without_watermark()) == []


def test_the_newest_published_window_is_shown(window: Insert) -> None:
    window(**PUBLISHED)
    number = window(**PUBLISHED | {"read": 1203, "accepted": 1200, "rejected": 3})
    window(status="open")
    (finding,) = checks_windows.newest_published_windows()
    assert (finding.level, finding.found) == (
        "ok",
        f"x_education, window {number}, published 2026-02-03 16:20 UTC: 1,200 rows accepted, 3 rejected",
    )


def test_a_newest_window_without_anything_new_is_information(window: Insert) -> None:
    window(**PUBLISHED | {"read": 40, "already_seen": 40})
    (finding,) = checks_windows.newest_published_windows()
    assert (finding.level, finding.remedy) == ("note", None)
    assert finding.found.endswith("the newest window brought nothing new")
