"""Assets of a use case: the lineage from the source to the scores."""

from airflow.sdk import Asset, AssetWatcher

from leadmill import names
from leadmill.orchestration.watermark_trigger import WatermarkTrigger
from leadmill.spec import UseCase

_GROUP = "leadmill"


def source(use_case: UseCase) -> Asset:
    """The customer's table, watched by its watermark."""
    poll, lag = use_case.source.poll.total_seconds(), use_case.source.safety_lag.total_seconds()
    trigger = WatermarkTrigger(use_case.name, poll, lag)
    watcher = AssetWatcher(name=f"{use_case.name}_watermark", trigger=trigger)
    return Asset(names.source_asset(use_case), group=_GROUP, watchers=[watcher])


def features(use_case: UseCase) -> Asset:
    """Features in the offline and the online store."""
    return Asset(names.features_asset(use_case), group=_GROUP)


def model(use_case: UseCase) -> Asset:
    """The champion."""
    return Asset(names.model_asset(use_case), group=_GROUP)


def params(use_case: UseCase) -> Asset:
    """Parameters that a tuning has left for the next training."""
    return Asset(names.params_asset(use_case), group=_GROUP)


def drift(use_case: UseCase) -> Asset:
    """Found drift: an event only when there is some."""
    return Asset(names.drift_asset(use_case), group=_GROUP)


def training(use_case: UseCase) -> Asset:
    """A training that data makes due: an event only when it is."""
    return Asset(names.training_asset(use_case), group=_GROUP)


def scores(use_case: UseCase) -> Asset:
    """The published scores."""
    return Asset(names.scores_asset(use_case), group=_GROUP)
