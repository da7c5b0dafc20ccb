"""Read-only connections to the warehouse: leadmill never writes there."""

from functools import cache

import psycopg
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url

from leadmill import settings
from leadmill.errors import SourceUnreachable
from leadmill.spec import UseCase

_CONNECT_SECONDS = 10


def source_url(use_case: UseCase) -> str:
    """postgresql:// URL of the use case's source connection."""
    url = make_url(settings.current().connection_url(use_case.source.connection))
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@cache
def _engine(url: str) -> Engine:
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg2"),
        pool_pre_ping=True,
        pool_size=2,
        connect_args={
            "options": "-c default_transaction_read_only=on",
            "connect_timeout": _CONNECT_SECONDS,
        },
    )


def source_engine(use_case: UseCase) -> Engine:
    """The SQLAlchemy engine of the use case's source; every transaction is read-only."""
    return _engine(source_url(use_case))


def source_connection(use_case: UseCase) -> psycopg.Connection:
    """A read-only psycopg 3 connection to the source, for COPY. Raises SourceUnreachable."""
    url = source_url(use_case)
    try:
        return psycopg.connect(url, connect_timeout=_CONNECT_SECONDS, options="-c default_transaction_read_only=on")
    except psycopg.OperationalError as error:
        raise unreachable(use_case, error) from error


def unreachable(use_case: UseCase, error: Exception) -> SourceUnreachable:
    """The error to raise where the source does not answer; it names the place, never the password."""
    url = make_url(source_url(use_case))
    reason = str(error).strip().splitlines()[0]
    return SourceUnreachable(use_case.source.connection, f"{url.host}:{url.port}/{url.database}", reason)
