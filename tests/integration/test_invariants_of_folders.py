"""Invariants 2 to 6 of the use cases that are a folder alone: loans, fraud and tpv."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from added_support import forget
from event_support import unbalanced_windows
from support import Row, killed_at, query, rows_of, run_etl
from tpv_support import drop_acquirer

from leadmill.demo import loans, payments, tpv
from leadmill.demo.generator import write_csv
from leadmill.demo.loader import load_file
from leadmill.demo.warehouse import warehouse_engine
from leadmill.errors import WindowBlocked
from leadmill.features.materialize import materialize
from leadmill.features.online import lookup
from leadmill.spec import load_use_case
from leadmill.storage.ddl import feature_columns

pytestmark = pytest.mark.slow
KILLS = (
    "extract.counted",
    "check_raw.quarantined",
    "impute_encode.copied",
    "publish.before_commit",
    "materialize.written",
)
# Of every merchant a day whose figures cannot be.
IMPOSSIBLE = """
    INSERT INTO acquirer.daily_volumes (merchant_id, day, transactions, volume, recorded_at)
    SELECT merchant_id, day, -1, -1, (SELECT now FROM acquirer.clock) FROM acquirer.daily_volumes LIMIT 2000;
    UPDATE acquirer.clock SET now = now + interval '1 day'
"""


@dataclass(frozen=True)
class Source:
    """What arrives: at first, later, and rows that are all wrong."""

    first: Callable[[Path], object]
    later: Callable[[Path], object]
    wrong: Callable[[Path], object]


def loans_of(begin: int, end: int, **wrong: str) -> Callable[[Path], object]:
    frame = loans.generate().iloc[begin:end].assign(**wrong)
    return lambda folder: load_file(load_use_case("loans"), write_csv(frame, folder / f"{begin}_{len(wrong)}.csv"))


def payments_of(begin: int, end: int, **wrong: str) -> Callable[[Path], object]:
    frame = payments.generate(700).iloc[begin:end].assign(**wrong)
    return lambda folder: load_file(load_use_case("fraud"), write_csv(frame, folder / f"{begin}_{len(wrong)}.csv"))


def impossible_days(folder: Path) -> None:
    with warehouse_engine().begin() as connection:
        connection.exec_driver_sql(IMPOSSIBLE)


SOURCES = {
    "loans": Source(loans_of(0, 400), loans_of(380, 614, LoanAmount="120"), loans_of(0, 614, LoanAmount="many")),
    "fraud": Source(payments_of(0, 500), payments_of(480, 700), payments_of(0, 700, Amount="many")),
    "tpv": Source(lambda folder: tpv.load(40, 120), lambda folder: tpv.simulate(3), impossible_days),
}


@pytest.fixture(params=SOURCES)
def name(request: pytest.FixtureRequest, postgres: dict[str, str]) -> Iterator[str]:
    emptied(request.param)
    yield request.param
    emptied(request.param)


def emptied(name: str) -> None:
    drop_acquirer()
    forget("demo", name)


def etl(name: str) -> None:
    """As Airflow would run it: whatever is open goes on, then what is new."""
    run_etl(load_use_case(name), online=True)


def state(name: str) -> Mapping[str, list[Row]]:
    """What people and models read, and the account of it."""
    tables = (f"features.{name}", f"features.{name}_labels", f"online.leadmill_{name}_features", f"rejected.{name}")
    return {table: rows_of(table) for table in (*tables, "ops.windows")}


@pytest.mark.timeout(300)
def test_killed_and_blocked_it_stays_whole_and_online_is_the_latest_offline(name: str, tmp_path: Path) -> None:
    use_case, source = load_use_case(name), SOURCES[name]
    for arrive in (source.first, source.later):
        arrive(tmp_path)
        etl(name)
    undisturbed = state(name)
    emptied(name)

    source.first(tmp_path)
    etl(name)
    source.later(tmp_path)
    for point in KILLS:
        assert killed_at(point, etl, name) == -9, point
    etl(name)
    assert state(name) == undisturbed
    assert unbalanced_windows() == []

    key = use_case.entity.key
    latest = {row[key]: row for row in query(f"SELECT * FROM features.{name}_latest")}
    online = lookup(use_case, list(latest)).to_dict("records")
    assert len(online) == len(latest) > 30
    for row in online:
        for column in (*(one.name for one in feature_columns(use_case)), "event_timestamp"):
            assert row[column] == latest[row[key]][column], (row[key], column)

    source.wrong(tmp_path)
    for _ in range(2):  # and the next run, which tries it again
        with pytest.raises(WindowBlocked):
            etl(name)
        assert materialize(use_case) is None
    after = state(name)
    published = [table for table in undisturbed if table.startswith(("features.", "online."))]
    assert {table: after[table] for table in published} == {table: undisturbed[table] for table in published}
    blocked = [row for row in after["ops.windows"] if row["status"] == "blocked"]
    assert [row["use_case"] for row in blocked] == [name]
    assert "rejected" in blocked[0]["blocked_reason"]
