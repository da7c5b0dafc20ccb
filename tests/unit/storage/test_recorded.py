"""Times that stand for a number of the file."""

from datetime import UTC, datetime, timedelta

import pytest

from leadmill.layout import Created
from leadmill.storage.recorded import CreatedBy

RULE = Created(column="No", epoch=datetime(2025, 1, 1, tzinfo=UTC), unit="1m")


@pytest.mark.parametrize(
    ("text", "minutes"), [("0", 0), ("660737", 660737), (" 12 ", 12), ("12.0", 12), ("12.", 12), ("-60", -60)]
)
def test_whole_numbers_count_from_the_epoch(text: str, minutes: int) -> None:
    assert CreatedBy(RULE).time(text) == RULE.epoch + timedelta(minutes=minutes)


def test_a_declared_prefix_stands_before_the_number() -> None:
    rule = CreatedBy(RULE.model_copy(update={"prefix": "LP"}))
    assert rule.time("LP001002") == RULE.epoch + timedelta(minutes=1002)
    assert rule.time("LX001002") is None


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "12.5",
        "1e5",
        "x",
        "1,000",
        "9" * 15,
        "9" * 400,
        "-9999999999",
        "١٢",
        "nan",
        "'; drop table leads",
    ],
)
def test_anything_else_has_no_time(text: str | None) -> None:
    assert CreatedBy(RULE).time(text) is None


def test_naive_epoch_is_utc() -> None:
    rule = Created(column="No", epoch=datetime(2025, 1, 1), unit="1d")  # noqa: DTZ001 - the point of the test
    assert CreatedBy(rule).time("1") == datetime(2025, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(("text", "has_time"), [("1", True), ("100", True), ("0", False), ("101", False)])
def test_a_number_out_of_the_declared_bounds_has_no_time(text: str, has_time: bool) -> None:
    assert (CreatedBy(RULE, 1, 100).time(text) is not None) is has_time
