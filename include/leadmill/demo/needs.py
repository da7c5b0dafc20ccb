"""What the demo still has to do, read from the ledgers and never guessed from what it did before."""

from sqlalchemy import text

from leadmill import names
from leadmill.extract.watch import unread_watermark
from leadmill.registry import ledger
from leadmill.registry.champion import champion_version
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
    """Entities to be scored whose newest features have no score of the champion."""
    key = use_case.entity.key
    with engine().connect() as connection:
        count: int = connection.execute(
            text(
                f"SELECT count(*) FROM {names.latest_view(use_case)} AS latest "
                f"LEFT JOIN {names.scores_table(use_case)} AS scored ON scored.{key} = latest.{key} "
                "AND scored.feature_timestamp = latest.event_timestamp AND scored.model_version = :version "
                f"WHERE scored.{key} IS NULL AND (:population = 'all' OR NOT EXISTS ("
                f"SELECT FROM {names.labels_table(use_case)} AS labelled WHERE labelled.{key} = latest.{key}))"
            ),
            {"version": champion_version(use_case), "population": use_case.score.population},
        ).scalar_one()
    return count
