"""What the demo still has to do, read from the ledgers and never guessed from what it did before."""

from sqlalchemy import text

from leadmill.errors import NoChampion
from leadmill.extract.watch import unread_watermark
from leadmill.registry import ledger
from leadmill.registry.champion import champion_version
from leadmill.scoring.due import count_due
from leadmill.spec import UseCase
from leadmill.storage.database import engine


def etl_needed(use_case: UseCase) -> bool:
    """Whether the warehouse holds something unread, or a window is not published or not online yet."""
    with engine().connect() as connection:
        published, unfinished = connection.execute(
            text(
                "SELECT count(*) FILTER (WHERE status = 'published'), "
                "count(*) FILTER (WHERE status <> 'published' OR NOT materialized) "
                "FROM ops.windows WHERE use_case = :name"
            ),
            {"name": use_case.name},
        ).one()
    return published == 0 or unfinished > 0 or unread_watermark(use_case) is not None


def has_champion(use_case: UseCase) -> bool:
    """Whether a model serves."""
    return champion_version(use_case) is not None


def training_needed(use_case: UseCase) -> bool:
    """Whether nothing serves yet, or the newest model was made by another version of the spec."""
    if not has_champion(use_case):
        return True
    versions = ledger.models(use_case.name)
    return not versions or versions[0].spec_version != use_case.version


def unscored(use_case: UseCase) -> int:
    """Entities that are due for a score by the champion. Raises NoChampion."""
    version = champion_version(use_case)
    if version is None:
        raise NoChampion(use_case.name)
    return count_due(use_case, version)
