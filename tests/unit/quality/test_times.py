"""Times as text: what is a moment, and which local times exist once, against Python's own time zones."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from leadmill.quality import times, values

BERLIN = "Europe/Berlin"
# An hour's shift on the last Sundays of March and October, half an hour's in the south, and none at all.
ZONES = (BERLIN, "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns", "UTC")
MINUTE = timedelta(minutes=1)


def moments(raw: list[str | None], zone: str | None = BERLIN) -> list[Any]:
    return times.moment(values.given(pa.array(raw, pa.string())), zone).to_pylist()


def once(raw: list[str | None], zone: str = BERLIN) -> list[Any]:
    return times.shown_once(values.given(pa.array(raw, pa.string())), zone).to_pylist()


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
    far = [datetime(2045, 1, 1) + timedelta(minutes=30 * step) for step in range(0, 17_520, 7)]  # noqa: DTZ001
    edges = [at + minutes * MINUTE for at in shifts(zone) for minutes in (-60, -30, -1, 0, 1, 30, 60)]
    anywhere = [datetime(2005, 1, 1) + timedelta(seconds=random.randrange(25 * 365 * 86_400)) for _ in range(200)]  # noqa: DTZ001
    locals_ = [*around, *edges, *anywhere, *far]
    raw: list[str | None] = [str(local) for local in locals_]
    wanted = [moments_shown(local, zone) for local in locals_]
    shown = once(raw, name)
    assert shown == [len(possible) == 1 for possible in wanted]
    found = moments(raw, name)
    assert [one for one, single in zip(found, shown, strict=True) if single] == [
        possible.pop() for possible in wanted if len(possible) == 1
    ]
    assert shown.count(False) > 0 or name in ("Asia/Kolkata", "UTC")


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
    assert moments([raw]) == [expected]


@pytest.mark.parametrize(
    "raw",
    [
        None, "", "now", "today", "infinity", "-infinity", "epoch", "yesterday", "2026-02-30", "2026-13-01",
        "2026-01-01 25:00", "2026-01-01 10:61", "10000-01-01", "0000-01-01", "2026-01-01 BC", "1 Jan 2026", "20260101",
        "2025-02-29", "01/02/2026", "2026-01-01 10", "2026-01-01 10:00 Europe/Berlin", "2026-01-01 10:00 CET",
        "2026-01-01 10:00:00.1234567", "2026-01-01 10:00+99", "2026-01-01+01", "1767225600", "2026-01-01\n",
        "2026-01-01 10:00 PM", "2026-01-01 24:00", "2026-01-01 10:00:60",
        "'; DROP TABLE x; --", "۲۰۲۶-۰۱-۰۱",
    ],
)  # fmt: skip
def test_nothing_else_is_a_time(raw: str | None) -> None:
    assert moments([raw]) == [None]
    assert once([raw]) == [None]


def test_a_local_time_means_nothing_without_a_zone() -> None:
    raw: list[str | None] = ["2026-01-02 10:00", "2026-01-02", "2026-01-02 10:00+01"]
    assert moments(raw, None) == [None, None, datetime(2026, 1, 2, 9, tzinfo=UTC)]


def test_a_time_with_its_offset_is_never_doubtful() -> None:
    twice, offset = "2026-10-25 02:30", "2026-10-25 02:30+01"
    assert once([twice, offset]) == [False, None]
    assert moments([offset]) == [datetime(2026, 10, 25, 1, 30, tzinfo=UTC)]


@pytest.mark.parametrize("raw", ["0001-01-01", "9999-12-31 23:59-02"])
def test_a_moment_outside_of_the_years_of_four_digits_is_none(raw: str) -> None:
    assert moments([raw]) == [None]
