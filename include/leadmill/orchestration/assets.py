"""Assets of a use case: the lineage from the source to the scores."""

from airflow.sdk import Asset, AssetWatcher

from leadmill import names
from leadmill.orchestration.watermark_trigger import WatermarkTrigger
from leadmill.spec import UseCase

_GROUP = "leadmill"


def source(use_case: UseCase) -> Asset:
    """The customer's table, watched by its watermark."""
    trigger = WatermarkTrigger(use_case.name, use_case.source.poll.total_seconds())
    watcher = AssetWatcher(name=f"{use_case.name}_watermark", trigger=trigger)
    return Asset(names.source_asset(use_case), group=_GROUP, watchers=[watcher])


def features(use_case: UseCase) -> Asset:
    """Features in the offline and the online store."""
    return Asset(names.features_asset(use_case), group=_GROUP)


def model(use_case: UseCase) -> Asset:
    """The champion."""
    return Asset(names.model_asset(use_case), group=_GROUP)


def drift(use_case: UseCase) -> Asset:
    """Found drift: an event only when there is some."""
    return Asset(names.drift_asset(use_case), group=_GROUP)


def scores(use_case: UseCase) -> Asset:
    """The published scores."""
    return Asset(names.scores_asset(use_case), group=_GROUP)
