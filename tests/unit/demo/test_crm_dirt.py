"""The CRM's tables are dirty in every way they should be, rarely enough, and hold all of the truth beside the dirt."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from leadmill.demo.crm.arrivals import arrivals
from leadmill.demo.crm.dirt import with_junk, with_repeats
from leadmill.demo.crm.draws import Lives, draw_lives
from leadmill.demo.crm.facts import facts, local_times, new_keys, truth
from leadmill.demo.crm.tables import KINDS, NEVER, tables
from leadmill.demo.crm.world import REGULAR

END = datetime(2026, 6, 1, 6, tzinfo=UTC)
SIZE = 20_000
Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def lives() -> Lives:
    random = np.random.default_rng(7)
    return draw_lives(random, tables(REGULAR), arrivals(random, SIZE, END - timedelta(days=365), END))


@pytest.fixture(scope="module")
def clean(lives: Lives) -> dict[str, pa.Table]:
    random = np.random.default_rng(8)
    return facts(random, lives, new_keys(random, SIZE))


@pytest.fixture(scope="module")
def junk(clean: dict[str, pa.Table]) -> Frames:
    """Only what the junk adds."""
    found = with_junk(np.random.default_rng(9), clean)
    for table, rows in clean.items():
        assert found[table][: len(rows)].equals(rows)
    return {table: rows[len(clean[table]) :].to_pandas() for table, rows in found.items()}


def malformed(keys: pd.Series) -> pd.Series:
    return ~keys.map(lambda key: bool(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", str(key))))


def test_keys_are_unique_version_4_uuids() -> None:
    keys = new_keys(np.random.default_rng(7), 1000).to_pylist()
    assert len(set(keys)) == 1000
    assert all(str(UUID(key)) == key and UUID(key).version == 4 for key in keys)
    assert keys[:3] == new_keys(np.random.default_rng(7), 1000).to_pylist()[:3]


def test_every_kind_of_junk_is_there_and_all_of_it_is_rare(junk: Frames, clean: dict[str, pa.Table]) -> None:
    visits, activities, leads = junk["web_visits"], junk["activities"], junk["leads"]
    spring = visits["visited_at"].dt.strftime("%Y-%m-%d %H:%M:%S") == "2026-03-29 02:30:00"
    kinds = {
        "negative seconds": visits["seconds"] < 0,
        "more than a day": visits["seconds"] > 86_400,
        "a robot's pages": visits["pages"] == 9999,
        "broken clock": spring,
        "malformed key of a visit": malformed(visits["lead_id"]),
        "malformed key of an activity": malformed(activities["lead_id"]),
        "malformed key of a lead": malformed(leads["lead_id"]),
        "ahead of its recording": activities["occurred_at"] > activities["recorded_at"] + timedelta(days=1),
    }
    assert {name for name, rows in kinds.items() if rows.sum() < 5} == set()
    assert junk["outcomes"].empty
    rows = sum(map(len, clean.values()))
    assert 0.004 < sum(map(len, junk.values())) / rows < 0.007
    assert sum(rows.sum() for rows in kinds.values()) >= sum(map(len, junk.values()))
    assert visits.loc[spring, "recorded_at"].min() > pd.Timestamp("2026-03-29 01:00")


def test_repeats_say_what_was_said(clean: dict[str, pa.Table]) -> None:
    table = clean["activities"]
    found = with_repeats(np.random.default_rng(9), table)
    assert found[: len(table)].equals(table)
    rest = found[len(table) :].to_pandas()
    said = rest.merge(table.to_pandas(), on=["lead_id", "kind", "occurred_at"], suffixes=("", "_first"))
    assert len(said) >= len(rest)
    later = said["recorded_at"] > said["recorded_at_first"]
    assert (said["recorded_at"] >= said["recorded_at_first"]).mean() > 0.99
    assert 0.003 < later.sum() / len(table) < 0.009
    assert 0.002 < (~later).sum() / len(table) < 0.007


def test_the_trackers_hour_in_autumn_comes_twice(lives: Lives, clean: dict[str, pa.Table]) -> None:
    hour = pd.Timestamp("2025-10-26 02:00")
    shown = clean["web_visits"]["visited_at"].to_pandas()
    twice = int(shown.between(hour, hour + timedelta(minutes=59, seconds=59)).sum())
    visit = lives.events.kind == KINDS.index("web_visit")
    begin = int(datetime(2025, 10, 26, tzinfo=UTC).timestamp())
    occurred = lives.events.occurred[visit]
    assert twice == ((occurred >= begin) & (occurred < begin + 7200)).sum() > 0
    summer = int(datetime(2025, 7, 1, 12, tzinfo=UTC).timestamp())
    assert local_times(np.array([summer])).to_pylist() == [datetime(2025, 7, 1, 14)]  # noqa: DTZ001


def test_a_lead_keeps_its_spelling_and_shows_what_was_filled_in(lives: Lives, clean: dict[str, pa.Table]) -> None:
    leads = clean["leads"].to_pandas()
    assert {"Google", "google", "GOOGLE", "Direct Traffic", "direct traffic", "testone", "NC_EDM"} <= set(
        leads["source"].dropna()
    )
    for column in ("occupation", "city"):
        assert {"Select"} < set(leads[column].dropna())
        assert leads[column].isna().any()
    versions = leads.groupby("lead_id", sort=False)
    assert versions["source"].nunique().max() == 1
    first = leads[: len(lives.leads)].set_index("lead_id")
    filled = leads[len(lives.leads) :].query("not deleted").set_index("lead_id")
    assert len(filled) == (lives.filled_at < NEVER).sum()
    before = first.loc[filled.index]
    gap = before["occupation"].isna() | (before["occupation"] == "Select")
    assert gap.any()
    assert (before["occupation"] == filled["occupation"])[~gap].all()
    assert not (filled["occupation"].isna() | (filled["occupation"] == "Select")).any()


def test_deleted_leads_end_without_an_outcome(lives: Lives, clean: dict[str, pa.Table]) -> None:
    leads, outcomes = clean["leads"].to_pandas(), clean["outcomes"].to_pandas()
    deleted = set(leads.loc[leads["deleted"], "lead_id"])
    assert len(deleted) == (lives.leads.deleted < NEVER).sum() > 0
    assert not deleted & set(outcomes["lead_id"])
    assert set(outcomes["outcome"]) == {"won", "lost", "reopened"}


def test_the_truth_of_a_lead_without_activities_is_an_empty_array(lives: Lives) -> None:
    table = truth(lives, new_keys(np.random.default_rng(7), SIZE), 0)
    numbers = np.bincount(lives.events.lead, minlength=SIZE)
    quiet, busy = int(np.flatnonzero(numbers == 0)[0]), int(np.flatnonzero(numbers == 2)[0])
    assert table["kinds"][quiet].as_py() == "{}"
    assert re.fullmatch(r"\{\d+,\d+\}", table["occurred"][busy].as_py())
    assert table["codes"][0].as_py() == "{" + ",".join(map(str, lives.leads.codes[0])) + "}"
