"""Read-only connections to the warehouse: leadmill never writes there."""

from functools import cache
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL, make_url

from leadmill import settings
from leadmill.errors import SourceUnreachable
from leadmill.spec import UseCase

# The COPY pipe carries text: dates and bytes must be written the way leadmill's own database reads them.
_OPTIONS = "-c default_transaction_read_only=on -c DateStyle=ISO -c IntervalStyle=postgres"
# A warehouse that has gone away without a word is noticed within a minute.
_CONNECT: dict[str, Any] = {
    "connect_timeout": 10,
    "client_encoding": "utf8",
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
_LONGEST_QUESTION = "300s"


def source_url(use_case: UseCase, given: str | None = None) -> URL:
    """URL of the use case's source: ``given``, or the connection's in the environment."""
    return make_url(given or settings.current().connection_url(use_case.source.connection))


def _arguments(url: URL, *more: str) -> dict[str, Any]:
    """Arguments of libpq: ours, and our session options after those of the URL."""
    return {**_CONNECT, "options": " ".join([str(url.query.get("options", "")), _OPTIONS, *more]).strip()}


@cache
def _engine(url: URL) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg2"),
        pool_pre_ping=True,
        pool_size=2,
        hide_parameters=True,
        connect_args=_arguments(url, f"-c statement_timeout={_LONGEST_QUESTION}"),
    )


def source_engine(use_case: UseCase, given: str | None = None) -> Engine:
    """The SQLAlchemy engine for short questions to the source; every transaction is read-only."""
    return _engine(source_url(use_case, given))


def source_connection(use_case: UseCase) -> psycopg.Connection:
    """A read-only psycopg 3 connection to the source, for COPY. Raises SourceUnreachable."""
    url = source_url(use_case)
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        return psycopg.connect(address, **_arguments(url))
    except psycopg.OperationalError as error:
        raise unreachable(use_case, error) from error


async def listening_connection(use_case: UseCase, given: str) -> psycopg.AsyncConnection:
    """A connection to the source for LISTEN, each statement a transaction of its own. Raises psycopg's errors."""
    url = source_url(use_case, given)
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return await psycopg.AsyncConnection.connect(address, autocommit=True, **_arguments(url))


def unreachable(use_case: UseCase, error: Exception, given: str | None = None) -> SourceUnreachable:
    """The error to raise where the source does not answer; it names the place, never the password."""
    url = source_url(use_case, given)
    reason = str(error).strip().splitlines()[0]
    return SourceUnreachable(use_case.source.connection, f"{url.host}:{url.port}/{url.database}", reason)
