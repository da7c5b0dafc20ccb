"""Invariant 1: no feature uses what was recorded after its time, on random histories against plain loops in Python.

The histories have ties of both times, late and out-of-order arrivals, facts that become visible after a window had
passed them, exact duplicates and rows sent again, deletions, reopened leads, and local times around both changes of
the clocks. One example holds many leads, for a window costs much and a lead little.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from event_brute_force import BERLIN, KINDS, Ledger, broken_rules, differences, features_at, moments_due
from event_support import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Crm,
    Fact,
    activity,
    before_filling,
    events,
    history,
    leads,
    outcome,
    unbalanced_windows,
    version,
    visit,
)
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from support import Row, clean_database, key, query

__all__ = ["events"]

CHANGES = {"spring": datetime(2026, 3, 29, 1, tzinfo=UTC), "autumn": datetime(2026, 10, 25, 1, tzinfo=UTC)}
# What a clock in Berlin shows around its change, some of it twice or never.
SHOWN = [timedelta(hours=hour, minutes=minute) for hour in (1, 2, 3) for minute in (0, 30)]
SHOWN += [2 * HOUR - SECOND, 2 * HOUR + SECOND, 3 * HOUR - SECOND, 3 * HOUR + SECOND]
# Hours after the beginning at which windows end; a lead of the first day reaches each age.
ENDS = (30, 73, 98, 17 * 24 + 3)
LEADS = 40


@dataclass(frozen=True)
class Arrival:
    """A fact and the window, from 0 on, in which it can be seen at the earliest."""

    fact: Fact
    window: int = 0


def story(random: Random, number: int, change: datetime) -> list[Fact]:
    """What happens to one lead, in no order."""
    begin = change - 73 * HOUR

    def some_time() -> datetime:
        return begin + random.randrange(29) * 6 * HOUR

    def delay() -> timedelta:
        return random.choice([0, 0, 0, 1, 60, 60, 26 * 60, 5 * 24 * 60]) * MINUTE

    submitted = begin + random.randrange(11) * 6 * HOUR
    start = change.date() + 90 * DAY
    told = [version(number, submitted, submitted + delay(), effective_start_date=start)]
    for _ in range(random.randrange(4)):
        changed = max(some_time(), submitted)
        told.append(version(number, changed, changed + delay(), **_changes(random, submitted)))
    for _ in range(random.randrange(10)):
        at = max(some_time(), submitted - 12 * HOUR)
        if random.random() < 0.5:
            told.append(activity(number, random.choice(KINDS), at, at + delay()))
        else:
            told.append(visit(number, at.astimezone(BERLIN).replace(tzinfo=None), at + delay(), *_seen(random)))
    shown = SHOWN if number == 0 else random.sample(SHOWN, 1) if random.random() < 0.3 else []
    for time in shown:
        local = datetime.combine(change.date(), datetime.min.time()) + time
        told.append(visit(number, local, change + 3 * HOUR + delay(), *_seen(random)))
    closed = submitted + random.choice([2 * HOUR, DAY, 2 * DAY, 8 * DAY])
    for what in random.choice([(), (), ("won",), ("lost",), ("lost", "reopened"), ("lost", "reopened", "won")]):
        told.append(outcome(number, what, closed, closed + delay()))
        closed += random.choice([MINUTE, DAY])
    return told


def _changes(random: Random, submitted: datetime) -> Row:
    return {
        "submitted_at": random.choice([submitted, submitted, None]),
        "origin": random.choice(["API", "Landing Page Submission", "Never seen", None]),
        "source": random.choice(["google", "Direct Traffic", "NC_EDM", "Select", "SELECT", None]),
        "city": random.choice(["Thane & Outskirts", "Select", ""]),
        "do_not_call": random.choice(["Yes", "no", None]),
        "activity_index": random.choice(["03.Low", "01.High", "Medium", None]),
        "effective_start_date": random.choice([submitted.date() + 300 * DAY, None]),
        "deleted": random.random() < 0.12,
    }


def _seen(random: Random) -> tuple[int | None, int | None]:
    """Pages and seconds of a visit; some impossible, some unknown."""
    return random.choice([0, 1, 3, 7, 500, 501, None]), random.choice([0, 45, 86_400, None])


def world(random: Random, change: datetime) -> list[Arrival]:
    """Facts of many leads, some of them sent again, some visible late but within the overlap."""
    arrivals: list[Arrival] = []
    ends = [change - 73 * HOUR + hours * HOUR for hours in ENDS]
    for number in range(LEADS):
        facts = story(random, number, change)
        arrivals += [Arrival(fact) for fact in facts]
        for fact in random.choices(facts, k=random.randrange(3)):
            arrivals.append(Arrival(fact.again(fact.recorded_at + random.choice([timedelta(0), MINUTE, 2 * DAY]))))
        if random.random() < 0.4:
            window = random.randrange(len(ends) - 1)
            recorded = ends[window] - random.randrange(10) * MINUTE
            # Nothing happens more than a day before a lead is submitted.
            if recorded > facts[0].recorded_at:
                late = activity(number, "chat", recorded - random.choice([0, 7]) * HOUR, recorded)
                arrivals.append(Arrival(late, window + 1))
    random.shuffle(arrivals)
    return arrivals


@pytest.mark.slow
@pytest.mark.parametrize("season", CHANGES)
def test_every_feature_is_what_was_known_at_its_time(season: str, events: Crm) -> None:
    change = CHANGES[season]

    @settings(
        max_examples=2,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=st.integers(1, 2**32))
    def check(seed: int) -> None:
        clean_database()
        events.create()
        _judge(events, world(Random(seed), change), change)

    check()


def _judge(crm: Crm, arrivals: list[Arrival], change: datetime) -> None:
    # Every broken row is to be seen, however many there are.
    tolerant = leads().model_copy(update={"source": leads().source.model_copy(update={"max_rejected_share": 1.0})})
    ledger, since, stored = Ledger(), datetime.min.replace(tzinfo=UTC), []
    for step, hours in enumerate(ENDS):
        until = change - 73 * HOUR + hours * HOUR
        here = [one.fact for one in arrivals if one.window <= step and one.fact.recorded_at <= until]
        new = [
            one.fact
            for one in arrivals
            if max(one.window, _first_end(change, one.fact)) == step and one.fact.recorded_at <= until
        ]
        number = crm.run(*new, until=until, use_case=tolerant)
        ledger.window(number, here, since, until)
        since = until - tolerant.source.overlap
        rows = query("SELECT * FROM features.leads ORDER BY lead_id, event_timestamp, created_timestamp")
        # Facts that came later have changed nothing that was there.
        assert [row for row in rows if row["window_id"] < number] == stored
        stored = rows
    assert unbalanced_windows() == []
    assert query("SELECT key, recorded_at, rules FROM rejected.leads WHERE suite = 'features'") == []
    _check_rejected(ledger)
    _check_values(ledger)
    _check_in_force(ledger, until)


def _first_end(change: datetime, fact: Fact) -> int:
    """The first window that ends after the fact was recorded."""
    return sum(fact.recorded_at > change - 73 * HOUR + hours * HOUR for hours in ENDS)


def _check_rejected(ledger: Ledger) -> None:
    found = {
        (row["window_id"], row["row"]["fact_no"], row["row"]["occurred_at"], _certain(set(row["rules"])))
        for row in query("SELECT * FROM rejected.leads WHERE suite = 'raw'")
    }
    wanted = {
        (number, str(fact["visit_id"]), str(fact.happened), _certain(broken_rules(fact)))
        for number, fact in ledger.rejected
    }
    assert found == wanted
    assert any("occurred_at: local time" in rules for *_, rules in found)


def _certain(rules: set[str]) -> frozenset[str]:
    """Of a local time that is shown twice or never nobody can say whether it was past."""
    return frozenset(rules - {"occurred_at: past"} if "occurred_at: local time" in rules else rules)


def _check_values(ledger: Ledger) -> None:
    """Every stored row against the facts that its window had read and that were recorded by its time."""
    rows = history()
    assert len(rows) > LEADS
    for row in rows:
        moment = row["event_timestamp"]
        answers = features_at(ledger.at(row["lead_id"], moment, row["window_id"]), moment)
        wrong = [differences(row, answer) for answer in answers]
        assert {} in wrong, f"{row['lead_id']} at {moment}, window {row['window_id']}: {wrong or 'not known yet'}"


def _check_in_force(ledger: Ledger, until: datetime) -> None:
    """At every moment that counts the values in force are right: nothing that changed was left out."""
    rows = query("SELECT * FROM features.leads ORDER BY event_timestamp, created_timestamp")
    by_lead: dict[str, list[Row]] = {}
    for row in rows:
        by_lead.setdefault(row["lead_id"], []).append(before_filling(row))
    last = max(row["window_id"] for row in query("SELECT window_id FROM ops.windows"))
    for lead_id in [key(number) for number in range(LEADS)]:
        if lead_id not in ledger.accepted:
            continue
        facts = ledger.at(lead_id, until, last)
        for moment in moments_due(facts, ledger.first_recorded(lead_id), leads().as_of, until):
            answers = features_at(ledger.at(lead_id, moment, last), moment)
            held = [row for row in by_lead.get(lead_id, []) if row["event_timestamp"] <= moment]
            if answers:
                assert held, f"{lead_id} has no features at {moment}"
                assert {} in [differences(held[-1], one) for one in answers], f"{lead_id} at {moment}"
