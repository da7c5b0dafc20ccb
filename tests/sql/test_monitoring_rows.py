"""The rows that are compared: what training sees and what watching sees of the same days is the same."""

from collections.abc import Iterator
from typing import Any

import pytest
from event_support import BEGIN, DAY, HOUR, Crm, activity, empty_crm, leads, outcome, ticking, visit
from sqlalchemy import text
from support import key

from leadmill.monitoring import profile
from leadmill.monitoring.rows import MOST_ENTITIES, parts, recent_rows_sql, training_rows_sql
from leadmill.storage.database import engine

LOST, LATE_LOST, WON = 2, 3, 4
LEADS = 6
NOW = BEGIN + 50 * DAY
DAYS = {"since": BEGIN, "until": BEGIN + 9 * DAY}


@pytest.fixture(scope="module")
def crm(postgres: dict[str, str]) -> Iterator[Crm]:
    """Six leads of fifty days; three of them end in the first week, one of these recorded two days late."""
    with empty_crm(postgres) as crm:
        for number in range(1, LEADS + 1):
            first = BEGIN + number * HOUR
            crm.add(*ticking(number, first), activity(number, "chat", first + number * DAY))
            crm.add(visit(number, (first + DAY / 2).replace(tzinfo=None), first + DAY / 2 + HOUR, pages=number))
        ends = (LOST, "lost", 0), (LATE_LOST, "lost", 2), (WON, "won", 0)
        crm.run(
            *(outcome(number, what, BEGIN + 6 * DAY, BEGIN + (6 + late) * DAY) for number, what, late in ends),
            until=NOW,
        )
        yield crm


def rows(statement: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    with engine().connect() as connection:
        found = connection.execute(text(statement), values or {}).mappings()
        return sorted((dict(row) for row in found), key=lambda row: (row["_age"], row["lead_id"]))


def test_watching_the_same_days_gives_the_rows_of_training(crm: Crm) -> None:
    trained = rows(training_rows_sql(leads(), NOW))
    assert rows(recent_rows_sql(leads()), DAYS) == trained
    ended = {key(number) for number in (LOST, LATE_LOST, WON)}
    assert {row["lead_id"] for row in trained if row["_age"] == 1} == {key(number) for number in range(1, LEADS + 1)}
    # Who was lost on the sixth day is no row of the seventh, even where that was recorded on the eighth.
    assert {row["lead_id"] for row in trained if row["_age"] == 2}.isdisjoint(ended)
    assert [row["age_days"] for row in trained] == [1] * LEADS + [7] * (LEADS - len(ended))


def test_counts_by_age_and_bin_are_those_of_the_rows(crm: Crm) -> None:
    held = rows(recent_rows_sql(leads()), DAYS)
    columns = {column.name: column for column in leads().feature_columns}
    with engine().begin() as connection:
        assert profile.hold(connection, recent_rows_sql(leads()), DAYS, leads()) == (len(held), LEADS)
        for name in ("pages_30d", "last_touch", "days_since_last_visit", "unsubscribed", "activity_index"):
            column = columns[name]
            bins = profile.bins_of(connection, column)
            found = profile.profile(connection, column, bins)
            for age in (1, 2):
                mine = [row for row in held if row["_age"] == age]
                gone = [row for row in mine if _missing(column, row)]
                values = [row[name] for row in mine if not _missing(column, row)]
                assert found.missing.get(age, 0) == len(gone), name
                assert found.counts.get(age, (0,) * bins.size) == _counted(bins, values), name


def _missing(column: Any, row: dict[str, Any]) -> bool:
    return bool(row[column.flag]) if column.has_flag else row[column.name] == "unknown"


def _counted(bins: profile.Bins, values: list[Any]) -> tuple[int, ...]:
    counts = [0] * bins.size
    for value in values:
        if bins.levels is None:
            counts[sum(cut <= value for cut in bins.cuts or ())] += 1
        else:
            word = str(value).lower() if isinstance(value, bool) else str(value)
            counts[bins.levels.index(word) if word in bins.levels else -1] += 1
    return tuple(counts)


def test_a_sample_takes_whole_entities_and_the_same_ones_of_both_sides(crm: Crm) -> None:
    everybody = rows(recent_rows_sql(leads()), DAYS)
    sampled = rows(recent_rows_sql(leads(), 2), DAYS)
    chosen = {row["lead_id"] for row in sampled}
    assert 0 < len(chosen) < LEADS
    assert sampled == [row for row in everybody if row["lead_id"] in chosen]
    assert rows(training_rows_sql(leads(), NOW, 2)) == sampled


def test_one_part_is_all_up_to_the_most_that_a_look_compares(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine().connect() as connection:
        assert (MOST_ENTITIES, parts(connection, leads(), None, NOW)) == (50_000, 1)
        monkeypatch.setattr("leadmill.monitoring.rows.MOST_ENTITIES", 4)
        assert parts(connection, leads(), None, NOW) == 2
        assert parts(connection, leads(), NOW, NOW + DAY) == 1
