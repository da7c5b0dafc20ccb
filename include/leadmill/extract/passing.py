"""What the mere passing of time brings in an event source: entities reach an age, and midnights pass."""

from datetime import UTC, datetime

from sqlalchemy import text

from leadmill import names
from leadmill.extract.windows import Window
from leadmill.spec import UseCase
from leadmill.storage.database import engine


def midnight(moment: datetime) -> datetime:
    """The last midnight, UTC, at or before ``moment``: when the daily pass looks at open entities again."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def time_brings_moments(use_case: UseCase, window: Window) -> bool:
    """Whether features may change in the window without any new fact. A snapshot's never do."""
    if not use_case.has_events or window.since is None:
        return False
    if midnight(window.until) > window.since:
        return True
    with engine().connect() as connection:
        reached: bool = connection.execute(
            text(
                f"SELECT EXISTS (SELECT FROM {names.entities_table(use_case)} AS e, unnest(CAST(:ages AS interval[])) "
                "AS age WHERE e.first_recorded_at > :since - age AND e.first_recorded_at <= :until - age)"
            ),
            {"ages": list(use_case.as_of), "since": window.since, "until": window.until},
        ).scalar_one()
    return reached
