"""The one clock: the source's own ``now()``, or the row of ``source.clock``, which a simulator moves."""

from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.exc import NoResultFound, OperationalError, ProgrammingError

from leadmill.errors import NoClock
from leadmill.spec import UseCase
from leadmill.storage.source import source_engine, unreachable


def source_now(use_case: UseCase, source: str | None = None) -> datetime:
    """Now (timezone-aware, UTC) as the source of ``use_case`` tells it. Raises SourceUnreachable and NoClock.

    ``source`` is the source's URL where it does not come from the environment.
    """
    relation = use_case.source.clock
    statement = f"SELECT now FROM {relation}" if relation else "SELECT now()"
    try:
        with source_engine(use_case, source).connect() as connection:
            moment: datetime = connection.execute(text(statement)).scalar_one()
    except OperationalError as error:
        raise unreachable(use_case, error, source) from error
    except (NoResultFound, ProgrammingError) as error:
        raise NoClock(use_case.name, str(relation)) from error
    return moment.astimezone(UTC)
