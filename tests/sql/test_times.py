"""Times as text: what is a moment, and which local times exist once, against Python's own time zones."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import bindparam, text

from leadmill.columns import Column
from leadmill.quality import values
from leadmill.storage.database import engine

BERLIN = "Europe/Berlin"
# An hour's shift on the last Sundays of March and October, half an hour's in the south, and none at all.
ZONES = (BERLIN, "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns", "UTC")
MINUTE = timedelta(minutes=1)


def column(zone: str | None) -> Column:
    return Column(name="x", title="X", type="timestamp", drop="not used", timezone=zone)


def evaluated(expression: str, raw: list[str | None]) -> list[Any]:
    """Values of an SQL expression over a column ``x``, in a session of another zone than any tested."""
    statement = text(f"SELECT {expression} FROM unnest(CAST(:raw AS text[])) WITH ORDINALITY AS t (x, n) ORDER BY n")
    with engine().begin() as connection:
        connection.execute(text("SET LOCAL TIME ZONE 'Pacific/Chatham'"))
        return list(connection.execute(statement.bindparams(bindparam("raw", raw))).scalars())


@pytest.fixture(autouse=True)
def _server(postgres: dict[str, str]) -> None:
    """A real Postgres."""


def shifts(zone: ZoneInfo) -> list[datetime]:
    """Local times at which the clocks of the zone are moved, by the hour, from 2015 to 2029."""
    hours = [datetime(2015, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(15 * 8766)]
    local = [hour.astimezone(zone) for hour in hours]
    moved = [after for before, after in pairwise(local) if before.utcoffset() != after.utcoffset()]
    return [moment.replace(tzinfo=None) for moment in moved]


def moments_shown(local: datetime, zone: ZoneInfo) -> set[datetime]:
    """The moments at which clocks show this time: one; two readings of a time that is repeated, or skipped."""
    return {local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}


@pytest.mark.parametrize("name", ZONES)
def test_local_times_agree_with_zoneinfo(name: str) -> None:
    random, zone = Random(name), ZoneInfo(name)
    around = [at + random.randint(-180, 180) * MINUTE for at in shifts(zone) for _ in range(8)]
    edges = [at + minutes * MINUTE for at in shifts(zone) for minutes in (-60, -30, -1, 0, 1, 30, 60)]
    anywhere = [datetime(2005, 1, 1) + timedelta(seconds=random.randrange(25 * 365 * 86_400)) for _ in range(200)]  # noqa: DTZ001
    locals_ = [*around, *edges, *anywhere]
    raw: list[str | None] = [str(local) for local in locals_]
    wanted = [moments_shown(local, zone) for local in locals_]
    once = evaluated(values.shown_once(column(name)), raw)
    assert once == [len(moments) == 1 for moments in wanted]
    found = evaluated(values.moment(column(name)), raw)
    assert [one for one, single in zip(found, once, strict=True) if single] == [
        moments.pop() for moments in wanted if len(moments) == 1
    ]
    assert once.count(False) > 0 or name in ("Asia/Kolkata", "UTC")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2026-01-02 10:00:00+00", datetime(2026, 1, 2, 10, tzinfo=UTC)),
        ("2026-01-02T10:00Z", datetime(2026, 1, 2, 10, tzinfo=UTC)),
        ("2026-01-02 10:00:00.25 +05:30", datetime(2026, 1, 2, 4, 30, 0, 250_000, UTC)),
        ("2026-01-02 10:00:00-0330", datetime(2026, 1, 2, 13, 30, tzinfo=UTC)),
        (" 2026-01-02 ", datetime(2026, 1, 1, 23, tzinfo=UTC)),
        ("2026-07-02T10:00", datetime(2026, 7, 2, 8, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 28, 23, tzinfo=UTC)),
    ],
)
def test_an_offset_is_taken_at_its_word_and_a_local_time_by_the_columns_zone(raw: str, expected: datetime) -> None:
    assert evaluated(values.moment(column(BERLIN)), [raw]) == [expected]


@pytest.mark.parametrize(
    "raw",
    [
        None, "", "now", "today", "infinity", "-infinity", "epoch", "yesterday", "2026-02-30", "2026-13-01",
        "2026-01-01 25:00", "2026-01-01 10:61", "10000-01-01", "0000-01-01", "2026-01-01 BC", "1 Jan 2026", "20260101",
        "2025-02-29", "01/02/2026", "2026-01-01 10", "2026-01-01 10:00 Europe/Berlin", "2026-01-01 10:00 CET",
        "2026-01-01 10:00:00.1234567", "2026-01-01 10:00+99", "2026-01-01+01", "1767225600", "2026-01-01\n",
        "2026-01-01 10:00 PM",
        "'; DROP TABLE x; --", "۲۰۲۶-۰۱-۰۱",
    ],
)  # fmt: skip
def test_nothing_else_is_a_time(raw: str | None) -> None:
    assert evaluated(values.moment(column(BERLIN)), [raw]) == [None]
    assert evaluated(values.shown_once(column(BERLIN)), [raw]) == [None]


def test_a_local_time_means_nothing_without_a_zone() -> None:
    raw: list[str | None] = ["2026-01-02 10:00", "2026-01-02", "2026-01-02 10:00+01"]
    assert evaluated(values.moment(column(None)), raw) == [None, None, datetime(2026, 1, 2, 9, tzinfo=UTC)]


def test_a_time_with_its_offset_is_never_doubtful() -> None:
    twice, offset = "2026-10-25 02:30", "2026-10-25 02:30+01"
    assert evaluated(values.shown_once(column(BERLIN)), [twice, offset]) == [False, None]
    assert evaluated(values.moment(column(BERLIN)), [offset]) == [datetime(2026, 10, 25, 1, 30, tzinfo=UTC)]
