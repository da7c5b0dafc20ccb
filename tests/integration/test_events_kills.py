"""Invariant 5 for an event source: killed where facts, moments, imputers or features are written, and run again."""

from datetime import datetime

import pytest
from event_support import (
    BEGIN,
    DAY,
    HOUR,
    LAG,
    MINUTE,
    SECOND,
    Crm,
    Fact,
    activity,
    events,
    outcome,
    unbalanced_windows,
    version,
    visit,
)
from support import STAGES, Row, clean_database, killed_at, query, rows_of, run_etl, run_stage

from leadmill.spec import load_use_case

__all__ = ["events"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# (point, stage that holds it, what goes on afterwards: that task again, or a new run from the extract on)
KILLS = (
    ("impute_encode.facts", "impute_encode", "run"),
    ("impute_encode.copied", "impute_encode", "task"),
    ("impute_encode.facts", "impute_encode", "task"),
    ("publish.before_commit", "publish", "run"),
)
LEADS = 520
# As it is: a stage that is to be killed runs in a process that reads the spec anew.
USE_CASE = load_use_case("leads")
TABLES = (
    "raw.leads", "rejected.leads", "staging.leads", "staging.leads_moments", "features.leads", "features.leads_facts",
    "features.leads_entities", "features.leads_labels", "ops.windows", "ops.imputers",
)  # fmt: skip


def arrivals() -> list[tuple[datetime, list[Fact]]]:
    """What is recorded in each window, and its end: in the second, enough leads turn a day old for a first imputer."""
    first = [_lead(number) for number in range(LEADS)] + [activity(9_000, "chat", BEGIN + MINUTE)]
    # Some of it broken, some of it for the lead that had no version yet.
    second = [visit(number, BEGIN.replace(tzinfo=None, hour=13), BEGIN + DAY, pages=-1) for number in range(3)]
    second += [_lead(9_000), _lead(9_001), *(activity(number, "chat", BEGIN + 20 * HOUR) for number in range(20))]
    third = [outcome(number, "lost", BEGIN + 2 * DAY) for number in range(40)]
    fourth = [outcome(number, "reopened", BEGIN + 3 * DAY) for number in range(9)] + [first[5].again(BEGIN + 3 * DAY)]
    return [(BEGIN + days * DAY + 2 * HOUR, facts) for days, facts in enumerate([first, second, third, fourth])]


def _lead(number: int) -> Fact:
    at = BEGIN + number % 600 * SECOND if number < LEADS else BEGIN + HOUR * 20
    gaps = {"activity_index": None, "effective_start_date": None} if number % 4 == 0 else {}
    return version(number, at, **gaps)


def state() -> dict[str, list[Row]]:
    return {table: rows_of(table) for table in TABLES}


def go_on_after(point: str, stage: str, how: str) -> None:
    """Run up to ``stage`` in peace, lose it to a kill, and go on as Airflow would."""
    address = f"leads/{len(query('SELECT FROM ops.windows')) + 1}"
    for peaceful in STAGES[: STAGES.index(stage)]:
        run_stage(peaceful, address)
    assert killed_at(point, run_stage, stage, address) == -9, f"not killed at {point}"
    if how == "run":
        run_etl(USE_CASE)
        return
    # These tables do not say what is online.
    for remaining in STAGES[STAGES.index(stage) : STAGES.index("materialize")]:
        run_stage(remaining, address)


def test_killed_anywhere_and_run_again_leaves_the_rows_of_a_clean_run(events: Crm) -> None:
    given, expected = arrivals(), []
    for until, facts in given:
        events.run(*facts, until=until, use_case=USE_CASE)
        expected.append(state())
    assert len(query("SELECT FROM ops.imputers")) == 1
    assert unbalanced_windows() == []
    clean_database()
    events.create()
    for (until, facts), (point, stage, how), wanted in zip(given, KILLS, expected, strict=True):
        events.add(*facts)
        events.move_clock(until + LAG)
        go_on_after(point, stage, how)
        found = state()
        for table, rows in wanted.items():
            assert found[table] == rows, f"{table} differs after a kill at {point}, then the same {how} again"
