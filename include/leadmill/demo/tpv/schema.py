"""The tables of the simulated acquirer: ``acquirer`` is what it has recorded, ``acquirer_truth`` what made it."""

from datetime import UTC, datetime

from sqlalchemy import Connection, text

from leadmill.demo.source_steps import CLOCK, CLOCK_COLUMNS, offer
from leadmill.demo.tpv.replay import Run
from leadmill.storage.literals import Comments, comment_on

FACTS = ("merchants", "daily_volumes")

_TABLES = """
CREATE SCHEMA acquirer;
COMMENT ON SCHEMA acquirer IS 'A simulated acquirer: append-only facts, each with the time at which it was recorded';
CREATE SCHEMA acquirer_truth;
COMMENT ON SCHEMA acquirer_truth IS 'From what the acquirer is drawn again; the pipeline''s role may not read it';
CREATE TABLE acquirer.merchants (
    merchant_id text, segment text, region text, opened_on date, status text, changed_at timestamptz,
    recorded_at timestamptz NOT NULL
);
CREATE TABLE acquirer.daily_volumes (
    merchant_id text, day date, transactions int, volume bigint, recorded_at timestamptz NOT NULL
);
CREATE TABLE acquirer_truth.runs (
    run_no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merchants int NOT NULL, days double precision NOT NULL, seed bigint NOT NULL, drift boolean NOT NULL,
    clock timestamptz NOT NULL
);
"""

_RECORDED = "When the warehouse learned it"
_COMMENTS: Comments = {
    "acquirer.clock": ("The acquirer's present, in one row", CLOCK_COLUMNS),
    "acquirer.merchants": (
        "Versions of merchants: the newest says how a merchant is",
        {
            "merchant_id": "Merchant",
            "segment": "What it sells",
            "region": "Where it is; null where not known",
            "opened_on": "When it opened",
            "status": "active, or closed",
            "changed_at": "When it became so",
            "recorded_at": _RECORDED,
        },
    ),
    "acquirer.daily_volumes": (
        "Card payments of each merchant and day (UTC); of two figures the one recorded last counts",
        {
            "merchant_id": "Merchant",
            "day": "Day",
            "transactions": "Number of payments",
            "volume": "Their sum in euros",
            "recorded_at": _RECORDED,
        },
    ),
    "acquirer_truth.runs": (
        "The load, run 1, and each simulation after it: from these everything can be drawn again",
        {
            "run_no": "Number",
            "merchants": "New merchants",
            "days": "Days of history, or by which the clock moved",
            "seed": "Seed",
            "drift": "Everyone's volumes were falling",
            "clock": "The clock afterwards",
        },
    ),
}


def create(connection: Connection) -> None:
    """Make both schemas; the pipeline's role may read ``acquirer``."""
    connection.exec_driver_sql(_TABLES + CLOCK.format(schema="acquirer"))
    comment_on(_COMMENTS, lambda statement: connection.execute(text(statement)))
    offer(connection, "acquirer", FACTS, "tpv")


def create_indexes(connection: Connection) -> None:
    """After the load, which is faster without them."""
    for table in FACTS:
        connection.exec_driver_sql(f"CREATE INDEX ON acquirer.{table} (recorded_at)")
    connection.exec_driver_sql(f"ANALYZE {', '.join(f'acquirer.{table}' for table in FACTS)}")


def runs(connection: Connection) -> list[Run]:
    """All steps so far, the load first; empty where nothing was loaded."""
    if not connection.execute(text("SELECT to_regclass('acquirer_truth.runs')")).scalar():
        return []
    rows = connection.execute(
        text("SELECT merchants, days, seed, drift, clock FROM acquirer_truth.runs ORDER BY run_no")
    )
    return [Run(row.merchants, row.days, row.seed, row.drift, row.clock.astimezone(UTC)) for row in rows]


def append(connection: Connection, run: Run) -> None:
    """Add a step."""
    connection.execute(
        text(
            "INSERT INTO acquirer_truth.runs (merchants, days, seed, drift, clock) "
            "VALUES (:merchants, :days, :seed, :drift, :clock)"
        ),
        vars(run),
    )


def counts(connection: Connection, since: datetime | None = None) -> dict[str, int]:
    """Rows per table, recorded after ``since``."""
    return {
        table: connection.execute(
            text(
                f"SELECT count(*) FROM acquirer.{table} "
                "WHERE recorded_at > :since OR CAST(:since AS timestamptz) IS NULL"
            ),
            {"since": since},
        ).scalar_one()
        for table in FACTS
    }
