"""Whether a key may have come twice: never missed, and not suspected where every key and time differ."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from leadmill.entity import Entity
from leadmill.quality.keys import SeenKeys

NOON = datetime(2026, 3, 30, 12, tzinfo=UTC)


def rows(keys: list[str | None], minutes: list[int]) -> pa.Table:
    times = [NOON + timedelta(minutes=minute) for minute in minutes]
    return pa.table({"shop": pa.array(keys, pa.string()), "recorded_at": pa.array(times, pa.timestamp("us", "UTC"))})


def perhaps_twice(kind: Any, *batches: pa.Table) -> bool:
    seen = SeenKeys(Entity(name="shop", key="shop", key_type=kind))
    for batch in batches:
        seen.add(batch)
    return seen.perhaps_twice()


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("uuid", "7927B2DF-8BBA-4D29-B9A2-B6E0BEAFE620", "7927b2df-8bba-4d29-b9a2-b6e0beafe620"),
        ("int", "0012", "12"),
        ("int", "0", "000"),
        ("string", "a@b", "a@b"),
        ("string", "x" * 201, "x" * 200 + "y"),
    ],
)
def test_two_spellings_of_one_key_at_one_time_are_noticed(kind: str, first: str, second: str) -> None:
    assert perhaps_twice(kind, rows([first, second], [0, 0]))
    assert perhaps_twice(kind, rows([first], [0]), rows([second], [0]))
    assert not perhaps_twice(kind, rows([first, second], [0, 1]))


def test_other_keys_rows_without_one_and_no_rows_are_not_suspected() -> None:
    assert not perhaps_twice("string", rows(["a", "A", "b", None, None], [0] * 5))
    assert not perhaps_twice("uuid", rows([], []), rows([None], [0]))
    assert not perhaps_twice("int")


def test_of_other_letters_postgres_is_asked() -> None:
    assert perhaps_twice("uuid", rows(["É"], [0]))


@pytest.mark.parametrize(("again", "once"), [("c", True), ("a", False), ("É", False)])
def test_keys_that_come_once_are_told_from_those_that_may_come_again(again: str, once: bool) -> None:
    seen = SeenKeys(Entity(name="shop", key="shop", key_type="string"))
    seen.add(rows(["a", "b", None], [0, 1, 2]))
    seen.add(rows([again, None], [3, 4]))
    assert seen.each_once is once
