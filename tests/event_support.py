"""A small CRM of facts for the tests of `leads`: builders of facts, their delivery, and the ETL over them."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
import yaml
from support import Row, Warehouse, clean_database, key, query, run_etl

from leadmill import settings
from leadmill.demo.crm import schema
from leadmill.demo.warehouse import warehouse_engine
from leadmill.spec import UseCase, load_use_case, parse_use_case

DAY, HOUR, MINUTE, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
BEGIN = datetime(2026, 3, 2, 12, tzinfo=UTC)
LAG = MINUTE  # the spec's safety lag
_KEYS = {"leads": "changed_at", "activities": "occurred_at", "web_visits": "visited_at", "outcomes": "occurred_at"}
_LEAD = {
    "origin": "API",
    "source": "Google",
    "country": "India",
    "city": "Mumbai",
    "occupation": "Student",
    "specialization": "Finance Management",
    "do_not_email": "No",
    "do_not_call": "No",
    "activity_index": "02.Medium",
    "profile_index": "01.High",
    "effective_start_date": date(2026, 5, 1),
    "deleted": False,
}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Fact:
    """One row of a table of ``crm``; ``values`` is its content, everything but the time of recording."""

    table: str
    recorded_at: datetime
    values: tuple[tuple[str, Any], ...]

    def __getitem__(self, name: str) -> Any:
        return dict(self.values)[name]

    @property
    def happened(self) -> Any:
        """When it happened, as its table says it; a visit's time has no zone."""
        return self[_KEYS[self.table]]

    def again(self, recorded_at: datetime) -> Self:
        """The same content, recorded (again) at another time."""
        return type(self)(self.table, recorded_at, self.values)


def _fact(table: str, recorded_at: datetime, **values: Any) -> Fact:
    return Fact(table, recorded_at, tuple(values.items()))


def version(number: int, at: datetime, recorded: datetime | None = None, **changes: Any) -> Fact:
    """A version of a lead, complete and valid but for ``changes``; submitted when it changed, where not said."""
    values = {"lead_id": key(number), "changed_at": at, "submitted_at": at} | _LEAD | changes
    return _fact("leads", recorded or at, **values)


def activity(number: int, kind: str, at: datetime, recorded: datetime | None = None) -> Fact:
    return _fact(
        "activities", recorded or at, activity_id=next(_numbers), lead_id=key(number), kind=kind, occurred_at=at
    )


def visit(number: int, local: datetime, recorded: datetime, pages: int | None = 3, seconds: int | None = 60) -> Fact:
    """A visit at a naive time, by the clocks of Berlin."""
    assert local.tzinfo is None
    values = {"lead_id": key(number), "visited_at": local, "pages": pages, "seconds": seconds}
    return _fact("web_visits", recorded, visit_id=next(_numbers), **values)


def outcome(number: int, what: str, at: datetime, recorded: datetime | None = None) -> Fact:
    return _fact("outcomes", recorded or at, lead_id=key(number), outcome=what, occurred_at=at)


def ticking(number: int, at: datetime = BEGIN) -> tuple[Fact, Fact]:
    """A lead whose features change at every moment at which they are computed, by the mere passing of time.

    Recorded first at ``at``, a noon: by midnight its e-mail is a day old, by the next noon the lead itself.
    """
    return (
        version(number, at, submitted_at=at - 30 * MINUTE),
        activity(number, "email_opened", at - 13 * HOUR, at),
    )


class Crm(Warehouse):
    """The CRM as its owner sees it; the tables and the clock are the demo's own."""

    def create(self) -> None:
        """Empty tables; the clock stands at BEGIN."""
        self.drop()
        with warehouse_engine().begin() as connection:
            schema.create(connection)
        self.execute("INSERT INTO crm.clock (now) VALUES (%s)", [BEGIN])

    def drop(self) -> None:
        self.execute("DROP SCHEMA IF EXISTS crm CASCADE")
        self.execute("DROP SCHEMA IF EXISTS sim CASCADE")

    def add(self, *facts: Fact) -> None:
        """Write the facts in this order, whatever the clock says."""
        for table, rows in itertools.groupby(sorted(facts, key=lambda fact: fact.table), lambda fact: fact.table):
            self._copy(table, list(rows))

    def _copy(self, table: str, facts: list[Fact]) -> None:
        names = [*dict(facts[0].values), "recorded_at"]
        statement = f"COPY crm.{table} ({', '.join(names)}) FROM STDIN".encode()
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for fact in facts:
                row = dict(fact.values) | {"recorded_at": fact.recorded_at}
                copy.write_row([row[name] for name in names])

    def move_clock(self, moment: datetime) -> None:
        self.execute("UPDATE crm.clock SET now = %s", [moment])

    def later(self, step: timedelta = DAY) -> datetime:
        moved: datetime = self.execute("UPDATE crm.clock SET now = now + %s RETURNING now", [step]).fetchone()[0]
        return moved

    def run(self, *facts: Fact, until: datetime, use_case: UseCase | None = None) -> int:
        """Add facts, read everything recorded up to and with ``until``, and publish it; the window's number."""
        self.add(*facts)
        self.move_clock(until + LAG)
        run_etl(use_case or leads())
        number: int = newest_window()["window_id"]
        return number


@pytest.fixture
def events(postgres: dict[str, str]) -> Iterator[Crm]:
    """An empty CRM beside an empty leadmill database; the clock stands at BEGIN."""
    with empty_crm(postgres) as crm:
        yield crm


@contextmanager
def empty_crm(postgres: dict[str, str]) -> Iterator[Crm]:
    """As the fixture, for one of another scope."""
    clean_database()
    crm = Crm(postgres["LEADMILL_WAREHOUSE_URL"])
    crm.create()
    yield crm
    crm.drop()
    crm.connection.close()
    clean_database()


# The ages of which the figures in the tests speak, whatever those of the product are.
AGES = (DAY, 7 * DAY, 14 * DAY)


def leads() -> UseCase:
    return load_use_case("leads").model_copy(update={"as_of": AGES})


def changed_leads(folder: Path, edit: Callable[[dict[str, Any]], None]) -> UseCase:
    """`leads` with an edited spec, from a copy of its folder under ``folder``."""
    copy = folder / "leads"
    shutil.copytree(leads().folder, copy)
    file = copy / "use_case.yaml"
    raw = yaml.safe_load(file.read_text())
    edit(raw)
    file.write_text(yaml.safe_dump(raw, sort_keys=False))
    return parse_use_case(file)


def history(number: int | None = None) -> list[Row]:
    """Stored feature rows, of one lead or of all, as they were before filling: what was filled is None again."""
    rows = query("SELECT * FROM features.leads ORDER BY lead_id, event_timestamp, created_timestamp")
    return [before_filling(row) for row in rows if number is None or row["lead_id"] == key(number)]


def before_filling(row: Row) -> Row:
    """The row with None where an imputer filled something in, and without the flags."""
    found = dict(row)
    for column in leads().feature_columns:
        if column.has_flag:
            found[column.name] = None if found.pop(column.flag) else found[column.name]
        elif column.impute == "unknown" and found[column.name] == "unknown":
            found[column.name] = None
    return found


def times(number: int) -> list[datetime]:
    """Event times of a lead's stored feature rows."""
    return [row["event_timestamp"] for row in history(number)]


def newest_window() -> Row:
    return query("SELECT * FROM ops.windows ORDER BY window_id DESC LIMIT 1")[0]


def unbalanced_windows() -> list[Row]:
    """Published windows whose accounting does not come out."""
    return query(
        "SELECT * FROM ops.windows WHERE status = 'published' AND (read <> accepted + rejected + already_seen "
        "OR touched <> appended + unchanged + refused OR touched IS NULL)"
    )


def execute(statement: str, values: Any = None) -> None:
    """One statement on leadmill's own database."""
    with psycopg.connect(settings.current().database_url, autocommit=True) as connection:
        connection.execute(statement.encode(), values)
