"""Facts that the source records again: what they said is known, but a rejected one has said nothing."""

from datetime import timedelta

import pytest
from event_support import BEGIN, DAY, HOUR, MINUTE, Crm, activity, events, version
from support import query

__all__ = ["events"]

pytestmark = pytest.mark.slow


def counted() -> list[tuple[int, int, int, int]]:
    """Of each window: read, accepted, rejected, already seen."""
    rows = query("SELECT read, accepted, rejected, already_seen FROM ops.windows ORDER BY window_id")
    return [(row["read"], row["accepted"], row["rejected"], row["already_seen"]) for row in rows]


def kept(kind: str) -> int:
    found: int = query("SELECT count(*) AS n FROM features.leads_facts WHERE kind = %s", [kind])[0]["n"]
    return found


def test_a_planned_call_is_a_fact_once_it_has_taken_place(events: Crm) -> None:
    planned = activity(1, "phone_conversation", BEGIN + 5 * HOUR, BEGIN)
    events.run(version(1, BEGIN), planned, until=BEGIN + HOUR)
    assert (kept("phone_conversation"), counted()) == (0, [(2, 1, 1, 0)])
    events.run(planned.again(BEGIN + 6 * HOUR), until=BEGIN + 7 * HOUR)
    assert (kept("phone_conversation"), counted()[1:]) == (1, [(1, 1, 0, 0)])
    # From now on it is known, whenever it is recorded again.
    events.run(planned.again(BEGIN + 8 * HOUR), until=BEGIN + 9 * HOUR)
    assert (kept("phone_conversation"), counted()[2:]) == (1, [(1, 0, 0, 1)])


def test_a_rejected_fact_of_the_overlap_is_not_judged_twice(events: Crm) -> None:
    planned = activity(1, "phone_conversation", BEGIN + 2 * DAY, BEGIN + HOUR)
    events.run(version(1, BEGIN), planned, until=BEGIN + HOUR + timedelta(seconds=1))
    events.run(version(2, BEGIN + HOUR + timedelta(seconds=2)), until=BEGIN + 2 * HOUR)
    assert kept("phone_conversation") == 0
    assert sum(rejected for _, _, rejected, _ in counted()) == 1


def test_the_copy_of_the_overlap_does_not_stand_before_it(events: Crm) -> None:
    planned = activity(1, "phone_conversation", BEGIN + 5 * HOUR, BEGIN + MINUTE)
    events.run(version(1, BEGIN), planned, until=BEGIN + MINUTE)
    assert kept("phone_conversation") == 0
    events.run(planned.again(BEGIN + 6 * HOUR), until=BEGIN + 7 * HOUR)
    read, accepted, rejected, seen = counted()[1]
    assert (accepted, rejected) == (1, 0)
    assert read - seen == 1 <= seen
    assert kept("phone_conversation") == 1
