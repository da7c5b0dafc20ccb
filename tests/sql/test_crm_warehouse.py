"""The simulated CRM in its database: what the clock shows, what stays hidden, and what the oracle reads."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest

from leadmill.demo import crm
from leadmill.demo.crm import oracle, posterior
from leadmill.demo.crm.arrivals import arrivals
from leadmill.demo.crm.draws import draw_lives
from leadmill.demo.crm.facts import new_keys
from leadmill.demo.crm.posterior import Asked
from leadmill.demo.crm.schema import FACTS
from leadmill.demo.crm.tables import DAY, tables
from leadmill.demo.crm.world import REGULAR
from leadmill.demo.warehouse import warehouse_engine
from leadmill.errors import LeadmillError

LEADS, DAYS = 200, 60


class Owner:
    """The warehouse as its owner sees it."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)

    def rows(self, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement.encode(), values).fetchall()

    def one(self, statement: str, values: Any = None) -> Any:
        return self.rows(statement, values)[0][0]

    def drop(self) -> None:
        self.connection.execute("DROP SCHEMA IF EXISTS crm CASCADE")
        self.connection.execute("DROP SCHEMA IF EXISTS sim CASCADE")

    def content(self) -> dict[str, Any]:
        """A hash of every table, whatever the order of its rows."""
        return {
            table: self.rows(f"SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM {table} AS t")
            for table in (*(f"{schema}.{table}" for schema in ("crm", "sim") for table in FACTS), "crm.clock")
        }


@pytest.fixture
def owner(postgres: dict[str, str]) -> Iterator[Owner]:
    """A warehouse without a CRM."""
    warehouse = Owner(postgres["LEADMILL_WAREHOUSE_URL"])
    warehouse.drop()
    yield warehouse
    warehouse.drop()
    warehouse.connection.close()


@pytest.fixture
def loaded(owner: Owner) -> Owner:
    """With a small CRM."""
    crm.load(LEADS, DAYS)
    return owner


def test_load_counts_what_it_wrote_and_the_clock_hides_the_rest(owner: Owner) -> None:
    seen: list[tuple[int, int]] = []
    summary = crm.load(LEADS, DAYS, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (LEADS, LEADS)
    assert summary.leads == LEADS
    assert summary.clock == crm.HISTORY_ENDS == owner.one("SELECT now FROM crm.clock")
    for table in FACTS:
        assert summary.recorded[table] == owner.one(f"SELECT count(*) FROM crm.{table}")
        assert summary.pending[table] == owner.one(f"SELECT count(*) FROM sim.{table}")
        assert not owner.one(f"SELECT count(*) FROM crm.{table}, crm.clock WHERE recorded_at > now")
        assert not owner.one(f"SELECT count(*) FROM sim.{table}, crm.clock WHERE recorded_at <= now")
    assert owner.one("SELECT count(*) FROM sim.truth") == LEADS
    first = owner.one("SELECT min(submitted_at) FROM crm.leads")
    assert crm.HISTORY_ENDS - timedelta(days=DAYS) <= first < crm.HISTORY_ENDS - timedelta(days=DAYS - 3)


def test_loading_the_same_again_does_nothing_and_another_load_is_refused(loaded: Owner) -> None:
    before = loaded.content()
    crm.simulate(1)
    moved = loaded.content()
    again = crm.load(LEADS, DAYS)
    assert again.already_loaded
    assert again.recorded["leads"] == before["crm.leads"][0][0]
    for other in ((LEADS + 1, DAYS, 7), (LEADS, DAYS + 1, 7), (LEADS, DAYS, 8)):
        with pytest.raises(LeadmillError, match=r"holds 200 leads over 60 days .* './leadmill reset'"):
            crm.load(*other)
    assert loaded.content() == moved != before


def test_a_load_that_fails_leaves_nothing(owner: Owner) -> None:
    def fail(done: int, total: int) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        crm.load(LEADS, DAYS, progress=fail)
    assert not owner.rows("SELECT FROM pg_namespace WHERE nspname IN ('crm', 'sim')")
    crm.load(LEADS, DAYS)
    before = owner.content()
    with pytest.raises(RuntimeError, match="enough"):
        crm.simulate(7, progress=fail)
    assert owner.content() == before


@pytest.mark.parametrize(("leads", "days"), [(0, 60), (200, 0)])
def test_an_empty_crm_is_refused(owner: Owner, leads: int, days: int) -> None:
    with pytest.raises(LeadmillError, match="at least one lead"):
        crm.load(leads, days)


def test_simulating_needs_a_load_and_only_goes_forward(owner: Owner) -> None:
    with pytest.raises(LeadmillError, match=r"empty\. Run './leadmill demo'"):
        crm.simulate(7)
    crm.load(LEADS, DAYS)
    with pytest.raises(LeadmillError, match="only goes forward"):
        crm.simulate(0)


def test_simulate_moves_the_clock_and_every_row_recorded_by_then(loaded: Owner) -> None:
    due = {
        table: loaded.one(f"SELECT count(*) FROM sim.{table}, crm.clock WHERE recorded_at <= now + interval '36 hours'")
        for table in FACTS
    }
    before = {table: loaded.one(f"SELECT count(*) FROM crm.{table}") for table in FACTS}
    summary = crm.simulate(1.5)
    assert summary.clock == crm.HISTORY_ENDS + timedelta(hours=36) == loaded.one("SELECT now FROM crm.clock")
    for table in FACTS:
        now = loaded.one(f"SELECT count(*) FROM crm.{table}")
        assert now - before[table] == summary.recorded[table] >= due[table]
        assert summary.pending[table] == loaded.one(f"SELECT count(*) FROM sim.{table}")
        assert not loaded.one(f"SELECT count(*) FROM crm.{table}, crm.clock WHERE recorded_at > now")
        assert not loaded.one(f"SELECT count(*) FROM sim.{table}, crm.clock WHERE recorded_at <= now")
    assert loaded.one("SELECT count(*) FROM sim.truth") == LEADS + summary.leads
    since = "submitted_at > now - interval '36 hours' AND submitted_at <= now"
    assert loaded.one(f"SELECT count(*) FROM sim.truth, crm.clock WHERE {since}") == summary.leads


def test_new_leads_come_as_often_as_before(owner: Owner) -> None:
    crm.load(2000, 100)
    assert crm.simulate(20).leads == pytest.approx(400, abs=80)


def test_the_same_steps_give_the_same_rows_and_other_seeds_others(owner: Owner) -> None:
    def content(seed: int, *, drift: bool = False) -> dict[str, Any]:
        owner.drop()
        crm.load(LEADS, DAYS)
        crm.simulate(3, seed=seed)
        crm.simulate(4, drift=drift, seed=seed)
        return owner.content()

    assert content(7) == content(7)
    assert content(7)["crm.leads"] != content(8)["crm.leads"]
    assert content(7)["crm.leads"] != content(7, drift=True)["crm.leads"]


def test_numbers_of_activities_and_visits_go_on_after_a_load(loaded: Owner) -> None:
    def highest(table: str, column: str) -> int:
        return loaded.one(f"SELECT greatest((SELECT max({column}) FROM crm.{table}), max({column})) FROM sim.{table}")

    before = highest("activities", "activity_id"), highest("web_visits", "visit_id")
    new = crm.simulate(10)
    assert new.leads > 0
    assert highest("activities", "activity_id") > before[0]
    for table, column in (("activities", "activity_id"), ("web_visits", "visit_id")):
        both = f"(SELECT * FROM crm.{table} UNION ALL SELECT * FROM sim.{table}) AS t"
        assert not loaded.rows(f"SELECT {column} FROM {both} GROUP BY 1 HAVING count(DISTINCT lead_id) > 1")


def test_every_table_and_column_has_a_comment(loaded: Owner) -> None:
    assert not loaded.rows(
        "SELECT attrelid::regclass, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
        "WHERE relnamespace IN ('crm'::regnamespace, 'sim'::regnamespace) AND relkind = 'r' AND attnum > 0 "
        "AND (col_description(attrelid, attnum) IS NULL OR obj_description(attrelid, 'pg_class') IS NULL)"
    )


def test_the_pipelines_role_reads_crm_and_nothing_of_sim(loaded: Owner, postgres: dict[str, str]) -> None:
    url = postgres["AIRFLOW_CONN_WAREHOUSE"]
    with psycopg.connect(url, autocommit=True) as connection:
        for table in (*FACTS, "clock"):
            assert connection.execute(f"SELECT count(*) FROM crm.{table}".encode()).fetchone()
            may_write = b"SELECT has_table_privilege(%s, 'INSERT, UPDATE, DELETE, TRUNCATE')"
            assert connection.execute(may_write, [f"crm.{table}"]).fetchone() == (False,)
        for table in (*FACTS, "truth", "runs"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT count(*) FROM sim.{table}".encode())
    assert loaded.one("SELECT count(*) FROM sim.truth") == LEADS


def test_the_oracle_reads_what_was_drawn(loaded: Owner) -> None:
    begin = crm.HISTORY_ENDS - timedelta(days=DAYS)
    submitted = arrivals(np.random.default_rng([7, 0]), LEADS, begin, crm.HISTORY_ENDS)
    random = np.random.default_rng([7, 1, 0])
    lives = draw_lives(random, tables(REGULAR), submitted)
    keys = np.array(new_keys(random, LEADS).to_pylist(), dtype=object)
    lead = np.tile(np.arange(LEADS), 3)
    question = Asked(lead, lives.leads.recorded[lead] + np.repeat([DAY // 4, 2 * DAY, 9 * DAY], LEADS))
    fit = posterior.answerable(lives.leads, question)
    expected = posterior.probabilities(
        tables(REGULAR), lives.leads, lives.events, Asked(question.lead[fit], question.as_of[fit])
    )
    as_of = pd.to_datetime(question.as_of, unit="s", utc=True) + timedelta(milliseconds=700)
    with warehouse_engine().begin() as connection:
        found = oracle.probabilities(connection, keys[lead], as_of)
    assert found["lead_id"].tolist() == keys[lead[fit]].tolist()
    assert (found["as_of"] == as_of[fit]).all()
    assert np.allclose(found["probability"], expected)


def test_the_oracle_knows_which_world_a_lead_is_from_and_leaves_out_who_has_no_answer(owner: Owner) -> None:
    crm.load(1000, DAYS)
    crm.simulate(5, drift=True)
    now = owner.one("SELECT now FROM crm.clock")
    keys = [key for (key,) in owner.rows("SELECT lead_id FROM sim.truth ORDER BY 1")]
    with warehouse_engine().begin() as connection:
        found = oracle.probabilities(connection, ["nobody", *keys], [now] * (len(keys) + 1)).set_index("lead_id")
        assert oracle.probabilities(connection, [], []).empty
    worlds = dict(owner.rows("SELECT lead_id, regime FROM sim.truth"))
    assert {*worlds.values()} == {0, 1}
    # The same answers, had all leads lived in the first world.
    owner.connection.execute("UPDATE sim.truth SET regime = 0")
    with warehouse_engine().begin() as connection:
        regular = oracle.probabilities(connection, keys, [now] * len(keys)).set_index("lead_id")
    moved = (found["probability"] - regular["probability"]).abs()
    drifted = found.index.map(worlds) == 1
    assert (moved[~drifted] == 0).all()
    assert moved[drifted].median() > 0.01
    still_open = owner.rows(
        "SELECT lead_id FROM sim.truth WHERE recorded_at <= %(now)s AND coalesce(closed_at > %(now)s, true) "
        "AND coalesce(deleted_at > %(now)s, true)",
        {"now": now},
    )
    assert set(found.index) == {key for (key,) in still_open}
    assert found["probability"].between(0, 1).all()


def test_the_oracle_answers_for_leads_that_did_nothing(owner: Owner) -> None:
    crm.load(4000, DAYS)
    quiet = "SELECT lead_id, recorded_at FROM sim.truth WHERE kinds = '{}' AND deleted_at IS NULL"
    keys, recorded = zip(*owner.rows(quiet), strict=True)
    assert len(keys) > 1
    with warehouse_engine().begin() as connection:
        found = oracle.probabilities(connection, keys, recorded)
    assert len(found) == len(keys)
    assert found["probability"].between(0.001, 0.8).all()
