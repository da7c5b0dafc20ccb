"""A small X Education warehouse for the tests, the ETL stages without Airflow, and rows that can be compared."""

import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import pytest
import yaml

from leadmill import settings
from leadmill.spec import UseCase, load_use_case, parse_use_case

Row = dict[str, Any]
Found = TypeVar("Found")

START = datetime(2026, 2, 1, tzinfo=UTC)
SOURCE_COLUMNS = """
    prospect_id lead_number lead_origin lead_source do_not_email do_not_call converted totalvisits
    total_time_spent_on_website page_views_per_visit last_activity country specialization
    how_did_you_hear_about_x_education what_is_your_current_occupation what_matters_most_to_you_in_choosing_a_course
    search magazine newspaper_article x_education_forums newspaper digital_advertisement through_recommendations
    receive_more_updates_about_our_courses tags lead_quality update_me_on_supply_chain_content
    get_updates_on_dm_content lead_profile city asymmetrique_activity_index asymmetrique_profile_index
    asymmetrique_activity_score asymmetrique_profile_score i_agree_to_pay_the_amount_through_cheque
    a_free_copy_of_mastering_the_interview last_notable_activity
""".split()  # noqa: SIM905 - a list of 37 quoted names would not be read
_TEXTS = {
    "lead_origin": "API",
    "lead_source": "Google",
    "converted": "0",
    "totalvisits": "3",
    "total_time_spent_on_website": "120",
    "page_views_per_visit": "1.5",
    "last_activity": "Email Opened",
    "country": "India",
    "city": "Mumbai",
    "asymmetrique_activity_index": "02.Medium",
    "asymmetrique_profile_index": "01.High",
    "asymmetrique_activity_score": "14",
    "asymmetrique_profile_score": "16",
    "last_notable_activity": "Modified",
}
_SELECTS = (
    "specialization",
    "how_did_you_hear_about_x_education",
    "what_is_your_current_occupation",
    "what_matters_most_to_you_in_choosing_a_course",
)
_GONE = ("tags", "lead_quality", "lead_profile")


def key(number: int) -> str:
    """The lead_id of the lead with this number."""
    return str(UUID(int=number))


def lead(number: int, **changes: str | None) -> Row:
    """A complete, valid lead as the warehouse holds it, with some values changed."""
    row: Row = dict.fromkeys(SOURCE_COLUMNS, "No") | _TEXTS | dict.fromkeys(_SELECTS, "Select") | dict.fromkeys(_GONE)
    row |= {"prospect_id": key(number), "lead_number": str(600_000 + number)}
    assert set(changes) <= set(row), f"no such column: {set(changes) - set(row)}"
    return row | changes


def varied(number: int) -> Row:
    """A valid lead whose values follow from its number, with gaps in every learned column."""
    visits, gap = number % 11, number % 5
    return lead(
        number,
        lead_origin=("API", "Landing Page Submission", "Lead Add Form", None)[number % 4],
        lead_source=("Google", "google", "Direct Traffic", "testone", "Select", None)[number % 6],
        totalvisits=None if gap == 1 else str(visits),
        total_time_spent_on_website=None if gap == 2 else str(visits * 100 + number % 7),
        page_views_per_visit=None if gap == 3 else str(visits / 2),
        last_activity=("Email Opened", "SMS Sent", None)[number % 3],
        through_recommendations=(None, "Yes", "No", "No")[number % 4],
        asymmetrique_activity_index=(None, "01.High", "02.Medium", "03.Low")[number % 4],
        asymmetrique_profile_index=("01.High", None, "02.Medium")[number % 3],
        asymmetrique_activity_score=None if gap < 2 else str(10 + visits),
        asymmetrique_profile_score=None if gap > 2 else str(12 + number % 9),
        converted=str(int(visits + number % 3 > 7)),
    )


class Warehouse:
    """The customer's database as its owner sees it: the table of leads and the demo's clock."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.line = 0

    def execute(self, statement: str, values: Any = None) -> Any:
        return self.connection.execute(statement.encode(), values)

    def create(self) -> None:
        """An empty table of leads; the clock stands at START."""
        self.drop()
        columns = ", ".join(f"{column} text" for column in SOURCE_COLUMNS)
        self.execute(
            "CREATE SCHEMA demo; CREATE SCHEMA x_education;"
            "CREATE TABLE demo.clock (now timestamptz NOT NULL, one boolean PRIMARY KEY DEFAULT true CHECK (one));"
            f"CREATE TABLE x_education.leads ({columns}, recorded_at timestamptz, load_id int, line int);"
            "GRANT USAGE ON SCHEMA demo, x_education TO leadmill_source;"
            "GRANT SELECT ON demo.clock, x_education.leads TO leadmill_source"
        )
        self.execute("INSERT INTO demo.clock (now) VALUES (%s)", [START])

    def drop(self) -> None:
        self.execute("DROP SCHEMA IF EXISTS demo CASCADE")
        self.execute("DROP SCHEMA IF EXISTS x_education CASCADE")

    def insert(self, rows: Iterable[Row], recorded_at: datetime | None = START) -> None:
        """Record the rows, all at one time, or each at its own ``recorded_at``."""
        names = [*SOURCE_COLUMNS, "recorded_at", "load_id", "line"]
        statement = f"COPY x_education.leads ({', '.join(names)}) FROM STDIN".encode()
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                self.line += 1
                values = {"recorded_at": recorded_at, "load_id": 1, "line": self.line} | row
                copy.write_row([values[name] for name in names])

    def spread(self, numbers: Iterable[int], each: timedelta = timedelta(minutes=1)) -> None:
        """Record ``varied`` leads, one after the other from START, and move the clock an hour past the last."""
        rows = [varied(number) | {"recorded_at": START + each * at} for at, number in enumerate(numbers)]
        self.insert(rows)
        self.move_clock(max(row["recorded_at"] for row in rows) + timedelta(hours=1))

    def move_clock(self, moment: datetime) -> None:
        self.execute("UPDATE demo.clock SET now = %s", [moment])

    def now(self) -> datetime:
        """Where the clock stands."""
        return self.later(timedelta(0))

    def later(self, step: timedelta = timedelta(days=1)) -> datetime:
        """Move the clock on; where it stands then."""
        return self.execute("UPDATE demo.clock SET now = now + %s RETURNING now", [step]).fetchone()[0]


@pytest.fixture
def crm(postgres: dict[str, str]) -> Iterator[Warehouse]:
    """An empty warehouse beside an empty leadmill database; the clock stands at START."""
    clean_database()
    warehouse = Warehouse(postgres["LEADMILL_WAREHOUSE_URL"])
    warehouse.create()
    yield warehouse
    warehouse.drop()
    warehouse.connection.close()
    clean_database()


def clean_database(spared: Collection[str] = ()) -> None:
    """Drop the tables of all use cases and Optuna's, empty ops.* and the online store; roles and migrations stay.

    ``spared`` are tables of ops that keep their rows.
    """
    with psycopg.connect(settings.current().database_url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables "
            "WHERE schemaname IN ('raw', 'rejected', 'staging', 'features', 'scores', 'ops', 'online', 'optuna')"
        ).fetchall()
        kept = [f"{schema}.{table}" for schema, table in found if schema in ("ops", "online")]
        dropped = [f"{schema}.{table}" for schema, table in found if f"{schema}.{table}" not in kept]
        if dropped:
            connection.execute(f"DROP TABLE {', '.join(dropped)} CASCADE".encode())
        emptied = [table for table in kept if table not in spared]
        connection.execute(f"TRUNCATE {', '.join(emptied)} RESTART IDENTITY CASCADE".encode())


def x_education() -> UseCase:
    return load_use_case("x_education")


def changed_use_case(folder: Path, edit: Callable[[dict[str, Any]], None]) -> UseCase:
    """x_education with an edited spec, from a copy of its folder under ``folder``."""
    copy = folder / "x_education"
    shutil.copytree(x_education().folder, copy, dirs_exist_ok=True)
    file = copy / "use_case.yaml"
    raw = yaml.safe_load(file.read_text())
    edit(raw)
    file.write_text(yaml.safe_dump(raw, sort_keys=False))
    return parse_use_case(file)


def run_etl(use_case: UseCase, run_id: str = "test", online: bool = False) -> str | None:
    """Run the stages in order without Airflow; the window's address, or None where nothing was new."""
    from leadmill.extract.extract import extract
    from leadmill.features.materialize import materialize

    found = extract(use_case, run_id)
    address = found.window.address if found.window and not found.empty else None
    if address:
        finish(use_case, address, run_id)
    if online:
        materialize(use_case)
    return address


def finish(use_case: UseCase, address: str, run_id: str = "test") -> None:
    """The stages after extract, up to publication."""
    from leadmill.features.publish import publish_features
    from leadmill.prepare.prepare import impute_encode
    from leadmill.quality.check import check_features, check_raw

    check_raw(use_case, address, run_id)
    impute_encode(use_case, address)
    check_features(use_case, address, run_id)
    publish_features(use_case, address)


def show_scores(use_case: str) -> None:
    """Have the first generation of its scores shown, so that tests can write scores into the rows table."""
    with psycopg.connect(settings.current().database_url) as connection:
        connection.execute(
            f"INSERT INTO scores.{use_case}_runs (generation, run_id, planned_at, staged, published, shown) "
            "VALUES (1, 'made up', '2000-01-01Z', 0, 0, true) ON CONFLICT DO NOTHING".encode()
        )


def query(statement: str, values: Any = None) -> list[Row]:
    """Rows of a statement on leadmill's database."""
    with psycopg.connect(settings.current().database_url) as connection:
        cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
        return cursor.execute(statement.encode(), values).fetchall()


# Surrogate numbers, wall time, counters of attempts and compressed bytes: what may differ between two equal histories.
VOLATILE = {
    "window_id", "validation_id", "attempt", "attempts", "opened_at", "published_at", "created_at", "validated_at",
    "created_ts", "document", "artifact", "run_id",
}  # fmt: skip
COMPARED = (
    "raw.x_education",
    "rejected.x_education",
    "staging.x_education",
    "features.x_education",
    "features.x_education_labels",
    "online.leadmill_x_education_features",
    "ops.windows",
    "ops.validations",
    "ops.imputers",
)


def rows_of(table: str, without: Iterable[str] = ()) -> list[Row]:
    """Every row of a table in a stable order, without the volatile columns; empty where there is no such table."""
    if not query("SELECT 1 FROM pg_class WHERE oid = to_regclass(%s)", [table]):
        return []
    left_out = VOLATILE | set(without)
    rows = [
        {name: value for name, value in row.items() if name not in left_out} for row in query(f"SELECT * FROM {table}")
    ]
    for row in rows:
        if isinstance(row.get("row"), dict):
            row["row"] = {name: value for name, value in row["row"].items() if name not in left_out}
    return sorted(rows, key=repr)


def published_state() -> Mapping[str, list[Row]]:
    """Everything that a run of the ETL leaves, comparable between two databases."""
    return {table: rows_of(table) for table in COMPARED}


def killed_at(point: str, action: Callable[..., object], *arguments: object) -> int:
    """Run ``action`` in a process of its own that kills itself at ``point``; its exit code (-9 when it did)."""
    process = started(action, *arguments, LEADMILL_KILL_AT=point)
    process.join(timeout=120)
    assert process.exitcode is not None, f"still running 120 s after its start, never killed at {point}"
    return process.exitcode


def started(action: Callable[..., object], *arguments: object, **variables: str) -> ForkServerProcess:
    """A process of its own that runs ``action`` with this one's settings, and these variables."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["support", "great_expectations.expectations", "feast", "sklearn.pipeline", "leadmill.quality.check"]
    )
    process = context.Process(target=_child, args=({**os.environ, **variables}, action, arguments))
    process.start()
    return process


def _child(environment: dict[str, str], action: Callable[..., object], arguments: tuple[object, ...]) -> None:
    os.environ.clear()
    settings.apply(environment)
    action(*arguments)


def until(look: Callable[[], Found], seconds: float = 30.0) -> Found:
    """What ``look`` finds at last; fail where it finds nothing in time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return found


def run_stage(stage: str, address: str) -> None:
    """One stage of the use case of ``address`` by name; also what a child process runs before it is killed."""
    from leadmill.extract.extract import extract
    from leadmill.features.materialize import materialize
    from leadmill.features.publish import publish_features
    from leadmill.prepare.prepare import impute_encode
    from leadmill.quality.check import check_features, check_raw

    use_case = load_use_case(address.split("/")[0])
    stages: dict[str, Callable[[], object]] = {
        "extract": lambda: extract(use_case, "test"),
        "check_raw": lambda: check_raw(use_case, address, "test"),
        "impute_encode": lambda: impute_encode(use_case, address),
        "check_features": lambda: check_features(use_case, address, "test"),
        "publish": lambda: publish_features(use_case, address),
        "materialize": lambda: materialize(use_case),
    }
    stages[stage]()


STAGES = ("extract", "check_raw", "impute_encode", "check_features", "publish", "materialize")
