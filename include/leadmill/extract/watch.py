"""Is there something in the source that no published window covers?"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from leadmill.clock import source_now
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.storage.source import source_engine, unreachable


def unread_watermark(use_case: UseCase, source: str | None = None) -> datetime | None:
    """The newest readable watermark of the source if the ledger's published windows end before it, else None.

    Readable is what is older than the safety lag. ``source`` is the source's URL where it does not come from the
    environment. Raises SourceUnreachable.
    """
    until = source_now(use_case, source) - use_case.source.safety_lag
    column = use_case.source.watermark
    newest_of = ", ".join(
        f"(SELECT max({column})::timestamptz FROM {relation} WHERE {column} <= :until)"
        for relation in use_case.source.relations
    )
    try:
        with source_engine(use_case, source).connect() as connection:
            # As extract reads a watermark without a time zone; of this transaction alone.
            connection.execute(text("SELECT set_config('TimeZone', :zone, true)"), {"zone": use_case.source.timezone})
            newest: datetime | None = connection.execute(
                text(f"SELECT greatest({newest_of})"), {"until": until}
            ).scalar_one()
    except OperationalError as error:
        raise unreachable(use_case, error, source) from error
    with engine().connect() as connection:
        done: datetime | None = connection.execute(
            text("SELECT max(until) FROM ops.windows WHERE use_case = :name AND status = 'published'"),
            {"name": use_case.name},
        ).scalar_one()
    return newest if newest is not None and (done is None or newest > done) else None
