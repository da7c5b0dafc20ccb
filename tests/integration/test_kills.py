"""Invariant 5: killed at any named point and run again, the ETL leaves the rows that a clean run leaves."""

import re
from collections.abc import Mapping
from datetime import timedelta

import pytest
from support import (
    STAGES,
    Row,
    Warehouse,
    clean_database,
    killed_at,
    lead,
    published_state,
    query,
    run_etl,
    run_stage,
    varied,
    x_education,
)

from leadmill import settings

# (point, stage that holds it, what goes on afterwards: that task again, or a new run from the extract on)
KILLS = (
    ("extract.copied", "extract", "task"),
    ("extract.counted", "extract", "run"),
    ("check_raw.quarantined", "check_raw", "run"),
    ("check_raw.set_aside", "check_raw", "task"),
    ("impute_encode.copied", "impute_encode", "task"),
    ("impute_encode.copied", "impute_encode", "run"),
    ("publish.appended", "publish", "task"),
    ("publish.before_commit", "publish", "run"),
    ("publish.committed", "publish", "task"),
    ("materialize.written", "materialize", "run"),
)
PER_WINDOW = 120


def test_every_named_point_of_the_etl_is_killed_here() -> None:
    package = settings.ROOT / "include" / "leadmill"
    named = set()
    for folder in ("extract", "quality", "prepare", "features"):
        for file in (package / folder).glob("*.py"):
            named |= set(re.findall(r'kill_point\("([^"]+)"\)', file.read_text()))
    of_events = {"impute_encode.facts", "backfill.moments"}  # test_events_kills.py, test_backfill.py
    assert named == {point for point, _, _ in KILLS} | of_events


def arrive(crm: Warehouse, batch: int) -> None:
    """New leads, changed ones, a broken row and a duplicate, recorded a day after the last batch."""
    now = crm.now()
    rows = [varied(batch * 1000 + n) | {"recorded_at": now + timedelta(seconds=n)} for n in range(PER_WINDOW)]
    if batch:
        rows += [varied((batch - 1) * 1000 + n) | {"recorded_at": now, "city": "Thane"} for n in range(5)]
    rows.append(lead(batch * 1000 + 900, totalvisits="many") | {"recorded_at": now})
    rows.append(rows[0])
    crm.insert(rows)
    crm.later()


def newest_attempts(state: Mapping[str, list[Row]]) -> Mapping[str, list[Row]]:
    """The state without what earlier attempts at a window were told."""
    newest = "SELECT v.* FROM ops.validations AS v JOIN ops.windows AS w USING (window_id) WHERE v.attempt = w.attempts"
    left_out = ("validation_id", "window_id", "attempt", "validated_at", "document", "run_id")
    rows = [{name: value for name, value in row.items() if name not in left_out} for row in query(newest)]
    return {**state, "ops.validations": sorted(rows, key=repr)}


def go_on_after(point: str, stage: str, how: str) -> None:
    """Run up to ``stage`` in peace, lose it to a kill, and go on as Airflow would."""
    address = f"x_education/{len(query('SELECT FROM ops.windows')) + 1}"
    for peaceful in STAGES[: STAGES.index(stage)]:
        run_stage(peaceful, address)
    assert killed_at(point, run_stage, stage, address) == -9, f"not killed at {point}"
    if how == "run":
        run_etl(x_education(), online=True)
        return
    for remaining in STAGES[STAGES.index(stage) :]:
        run_stage(remaining, address)


@pytest.mark.slow
def test_killed_anywhere_and_run_again_leaves_the_rows_of_a_clean_run(crm: Warehouse) -> None:
    expected = []
    for batch in range(len(KILLS)):
        arrive(crm, batch)
        run_etl(x_education(), online=True)
        expected.append(newest_attempts(published_state()))
    assert len(query("SELECT FROM ops.imputers")) == 2
    clean_database()
    crm.create()
    for batch, (point, stage, how) in enumerate(KILLS):
        arrive(crm, batch)
        go_on_after(point, stage, how)
        found = newest_attempts(published_state())
        for table, rows in expected[batch].items():
            assert found[table] == rows, f"{table} differs after a kill at {point}, then the same {how} again"
