"""A small acquirer for the tests of `tpv`: facts, their delivery, and every feature once more in plain Python."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from support import Row, Warehouse, clean_database, query, run_etl

from leadmill.demo.tpv import schema
from leadmill.demo.warehouse import warehouse_engine
from leadmill.spec import UseCase, load_use_case

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
YEAR = 364
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905 - as one reads them
MOST = Decimal(20)


@dataclass(frozen=True)
class Profile:
    """A version of a merchant."""

    merchant: str
    changed_at: datetime
    recorded_at: datetime
    segment: str | None
    region: str | None
    opened_on: date
    status: str = "active"

    @property
    def content(self) -> tuple[Any, ...]:
        return self.merchant, self.changed_at, self.segment, self.region, self.opened_on, self.status

    @property
    def happened(self) -> datetime:
        return self.changed_at


@dataclass(frozen=True)
class Figure:
    """What a merchant took on a day."""

    merchant: str
    day: date
    recorded_at: datetime
    transactions: int
    volume: int

    @property
    def content(self) -> tuple[Any, ...]:
        return self.merchant, self.day, self.transactions, self.volume

    @property
    def happened(self) -> datetime:
        return datetime.combine(self.day, datetime.min.time(), UTC) + DAY


Fact = Profile | Figure


class Acquirer(Warehouse):
    """The acquirer as its owner sees it; the tables and the clock are the demo's own."""

    def create(self) -> None:
        self.drop()
        with warehouse_engine().begin() as connection:
            schema.create(connection)

    def drop(self) -> None:
        drop_acquirer()

    def run(self, facts: Sequence[Fact], until: datetime) -> int:
        """Add facts, read everything recorded up to and with ``until``, and publish it; the window's number."""
        for table, kind in (("merchants", Profile), ("daily_volumes", Figure)):
            with self.connection.cursor() as cursor, cursor.copy(f"COPY acquirer.{table} FROM STDIN".encode()) as copy:
                for one in (fact for fact in facts if isinstance(fact, kind)):
                    copy.write_row(_row(one))
        self.execute("DELETE FROM acquirer.clock")
        self.execute("INSERT INTO acquirer.clock (now) VALUES (%s)", [until + tpv().source.safety_lag])
        run_etl(tpv())
        number: int = query("SELECT max(window_id) AS newest FROM ops.windows")[0]["newest"]
        return number


def drop_acquirer() -> None:
    """Remove the simulated acquirer."""
    with warehouse_engine().begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS acquirer, acquirer_truth CASCADE")


def _row(fact: Fact) -> list[Any]:
    if isinstance(fact, Figure):
        return [fact.merchant, fact.day, fact.transactions, fact.volume, fact.recorded_at]
    shown = (fact.segment, fact.region, fact.opened_on, fact.status, fact.changed_at, fact.recorded_at)
    return [fact.merchant, *shown]


def tpv() -> UseCase:
    return load_use_case("tpv")


@pytest.fixture
def acquirer(postgres: dict[str, str]) -> Iterator[Acquirer]:
    """An empty acquirer beside an empty leadmill database."""
    clean_database()
    made = Acquirer(postgres["LEADMILL_WAREHOUSE_URL"])
    made.create()
    yield made
    made.drop()
    made.connection.close()
    clean_database()


def features_at(facts: Sequence[Fact], as_of: datetime) -> Row | None:
    """The features of a merchant with these facts, all recorded by ``as_of``; None where there are none yet."""
    profiles = [one for one in facts if isinstance(one, Profile)]
    figures = known_figures([one for one in facts if one.happened > as_of - 460 * DAY])
    if not profiles or not figures:
        return None
    profile = max(profiles, key=lambda one: (one.changed_at, one.recorded_at))
    newest = max(figures)
    ago = {(newest - day).days: figure for day, figure in figures.items()}

    def total(first: int, last: int, name: str = "volume") -> int:
        return sum(getattr(figure, name) for days, figure in ago.items() if first <= days <= last)

    def since(days: int, value: int) -> int | None:
        return value if max(ago) >= days else None

    last_30, last_90, payments = total(0, 29), total(0, 89), total(0, 29, "transactions")
    year_ago, before = since(363, total(334, 363)), since(393, total(364, 393))
    season = _share(year_ago, before)
    growth = _share(last_90, since(453, total(364, 453)))
    weekend = sum(one.volume for days, one in ago.items() if days < 90 and one.day.isoweekday() > 5)
    return {
        "segment": profile.segment,
        "region": profile.region,
        "tenure_days": max((newest - profile.opened_on).days, 0),
        "known_days": len(figures),
        **{f"volume_{days}d": total(0, days - 1) for days in (7, 30, 90)},
        "volume_30d_before": total(30, 59),
        "volume_364d": since(363, total(0, YEAR - 1)),
        "volume_year_ago_30d": year_ago,
        "volume_year_ago_before": before,
        "season": season,
        "seasonal_volume_30d": _rounded(last_30 * (1 if season is None else season), 2),
        "yearly_growth": growth,
        "grown_volume_year_ago": (
            None if year_ago is None else _rounded(year_ago * (1 if growth is None else growth), 2)
        ),
        "trend_7d": _share(total(0, 6) * 30, last_30 * 7),
        "trend_30d": _share(last_30, total(30, 59)),
        **{f"transactions_{days}d": total(0, days - 1, "transactions") for days in (7, 30)},
        "mean_payment_30d": None if payments == 0 else _rounded(Decimal(last_30) / payments, 4),
        "zero_days_30d": sum(days < 30 and figure.volume == 0 for days, figure in ago.items()),
        "largest_day_90d": max(figure.volume for days, figure in ago.items() if days < 90),
        "weekend_share_90d": _share(weekend, last_90),
        "weekend_days_ahead": sum((newest + ahead * DAY).isoweekday() > 5 for ahead in range(1, 31)),
        "day_of_year": newest.timetuple().tm_yday,
        "coming_month": MONTHS[(newest + 15 * DAY).month - 1],
    }


def known_figures(facts: Sequence[Fact]) -> dict[date, Figure]:
    """Of each day the figure that was recorded last, of two of one time the higher."""
    found: dict[date, Figure] = {}
    for one in sorted(
        (fact for fact in facts if isinstance(fact, Figure)),
        key=lambda figure: (figure.recorded_at, figure.volume, figure.transactions),
    ):
        found[one.day] = one
    return found


def _share(part: int | None, whole: int | None) -> Decimal | None:
    if part is None or not whole:
        return None
    return min(_rounded(Decimal(part) / whole, 4), MOST)


def _rounded(value: Decimal, digits: int) -> Decimal:
    return Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def before_filling(row: Row) -> Row:
    """The features of a stored row, None where something was filled in."""
    found = {}
    for column in tpv().feature_columns:
        filled = row[column.flag] if column.has_flag else column.impute == "unknown" and row[column.name] == "unknown"
        found[column.name] = None if filled else row[column.name]
    return found
