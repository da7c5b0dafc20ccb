"""The simulated acquirer in its database: what the clock shows, what stays hidden, and steps that add up."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console
from support import Warehouse
from tpv_support import drop_acquirer

from leadmill.demo import tpv
from leadmill.demo.simulated import load_with_progress, simulate_with_progress
from leadmill.demo.tpv import books, oracle, schema
from leadmill.demo.tpv.replay import replay
from leadmill.demo.warehouse import warehouse_engine
from leadmill.errors import LeadmillError

MERCHANTS, DAYS = 40, 90


@pytest.fixture
def acquirer(postgres: dict[str, str]) -> Iterator[Warehouse]:
    """A warehouse with a small load."""
    drop_acquirer()
    tpv.load(MERCHANTS, DAYS)
    warehouse = Warehouse(postgres["LEADMILL_WAREHOUSE_URL"])
    yield warehouse
    warehouse.connection.close()
    drop_acquirer()


def rows(acquirer: Warehouse, table: str) -> list[tuple[object, ...]]:
    return sorted(acquirer.execute(f"SELECT * FROM acquirer.{table}").fetchall(), key=repr)


def test_what_steps_recorded_is_what_was_written_up_to_the_clock(acquirer: Warehouse) -> None:
    first = rows(acquirer, "daily_volumes")
    assert tpv.load(MERCHANTS, DAYS).already_loaded
    for days in (0.25, 3, 7.5):
        added = tpv.simulate(days, seed=9)
    assert added.clock == tpv.HISTORY_ENDS + timedelta(days=10.75)
    with warehouse_engine().connect() as connection:
        runs = schema.runs(connection)
    for table, written in books.rows(replay(runs)).items():
        known = [row for row in written.to_pylist() if row["recorded_at"] <= added.clock.replace(tzinfo=None)]
        assert len(known) == len(rows(acquirer, table))
    assert set(first) <= set(rows(acquirer, "daily_volumes"))
    assert not acquirer.execute("SELECT 1 FROM acquirer.daily_volumes, acquirer.clock WHERE recorded_at > now").rowcount


def test_the_pipelines_role_reads_the_books_and_not_the_truth(acquirer: Warehouse) -> None:
    asked = "SELECT has_schema_privilege('leadmill_source', %s, 'usage')"
    assert acquirer.execute(asked, ["acquirer"]).fetchone()[0]
    assert not acquirer.execute(asked, ["acquirer_truth"]).fetchone()[0]


def test_the_oracle_answers_for_merchants_that_are_open(acquirer: Warehouse) -> None:
    moment = tpv.HISTORY_ENDS - timedelta(days=30)
    with warehouse_engine().connect() as connection:
        found = oracle.outlook(connection, ["M000001", "M000002", "nobody"], [moment] * 3)
    assert list(found.asked["merchant_id"]) == ["M000001", "M000002"]
    assert found.band_probabilities([5_000.0, 20_000.0]).sum(axis=1).tolist() == pytest.approx([1, 1])
    assert (found.quantiles([0.1, 0.9])[:, 0] < found.expected).all()


def test_wrong_steps_are_refused(acquirer: Warehouse) -> None:
    with pytest.raises(LeadmillError, match=r"holds 40 merchants over 90 days .*'./leadmill reset'"):
        tpv.load(MERCHANTS + 1, DAYS)
    with pytest.raises(LeadmillError, match="only goes forward"):
        tpv.simulate(0)
    drop_acquirer()
    with pytest.raises(LeadmillError, match="empty"):
        tpv.simulate(1)
    with pytest.raises(LeadmillError, match="nothing of it is simulated"):
        simulate_with_progress("x_education", 1, False, 7, Console())


def test_the_demo_fills_it_and_moves_it_on(acquirer: Warehouse) -> None:
    shown = Console(file=StringIO(), width=200, record=True)
    load_with_progress("tpv", None, None, shown)
    simulate_with_progress("tpv", 2, True, 7, shown)
    text = shown.export_text()
    assert "The acquirer holds 40 merchants over 90 days already" in text
    assert "new merchants in 2 days" in text
    assert "recorded by 2026-06-03 06:00 on the acquirer's clock" in text
