"""What the simulated sources share: how a step begins, their clock, and who may read them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from leadmill.demo.warehouse import grant
from leadmill.errors import LeadmillError
from leadmill.extract.notify import notify_sql
from leadmill.spec import load_use_case

HISTORY_ENDS = datetime(2026, 6, 1, 6, tzinfo=UTC)
"""The clock after a load, whatever the day, so that a load can be repeated."""

Progress = Callable[[int, int], None]
"""Called with what is done and what is to be done in all."""

CLOCK = """
CREATE TABLE {schema}.clock (
    now timestamptz NOT NULL,
    one boolean PRIMARY KEY DEFAULT true CHECK (one)
);
"""
CLOCK_COLUMNS = {"now": "Now", "one": "Keeps the table to one row"}


def begin_step(connection: Connection, source: str) -> None:
    """Let other steps of the source wait until this transaction ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:lock, 0))"), {"lock": f"leadmill/{source}"})
    # Times are copied without a zone.
    connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))


def check_forward(days: float) -> None:
    """Raise LeadmillError where the clock would not go forward."""
    if days <= 0:
        raise LeadmillError(f"The clock only goes forward; asked for {days:g} days.")


def set_clock(connection: Connection, schema: str, moment: datetime) -> None:
    """Move the clock."""
    connection.execute(
        text(f"INSERT INTO {schema}.clock (now) VALUES (:now) ON CONFLICT (one) DO UPDATE SET now = excluded.now"),
        {"now": moment},
    )


def offer(connection: Connection, schema: str, facts: Sequence[str], use_case: str) -> None:
    """Let the pipeline's role read the clock and the tables ``facts``, and tell of new rows as a customer would."""
    grant(connection, schema, ("clock", *facts))
    connection.exec_driver_sql(notify_sql(load_use_case(use_case)))
