"""Online lookup of features through Feast."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from leadmill import names
from leadmill.errors import LeadmillError
from leadmill.features.online_row import constants
from leadmill.features.store import feature_store
from leadmill.features.typed_store.errors import NoOnlineTable
from leadmill.spec import UseCase
from leadmill.storage.ddl import feature_columns

if TYPE_CHECKING:
    import pandas as pd
    from feast import FeatureService
    from feast.online_response import OnlineResponse


_DTYPES = {"bigint": "int64", "boolean": "bool", "double precision": "float64"}


def lookup(use_case: UseCase, keys: Sequence[str]) -> "pd.DataFrame":
    """One row per known key: the key, every feature and flag, their event_timestamp (UTC). Unknown keys are absent.

    A feature that the store does not hold yet, because it was added since, reads as its constant, flagged as missing.
    Raises LeadmillError before the first materialization.
    """
    import pandas as pd

    store, key = feature_store(), use_case.entity.key
    response = store.get_online_features(
        features=_service(use_case), entity_rows=[{key: _typed(use_case, value)} for value in keys]
    )
    declared = list(feature_columns(use_case))
    columns = [column.name for column in declared]
    frame = response.to_df()
    held = [name for name in columns if name in frame.columns]
    present = frame[held].notna().any(axis=1)
    known = frame[present].reset_index(drop=True)
    stamp = pd.to_datetime(_event_times(response, held[0]), utc=True)[present.to_numpy()]
    found = known.reindex(columns=[key, *columns]).astype(object)
    for name, constant in constants(use_case).items():
        found[name] = found[name].where(found[name].notna(), constant)
    # A row of an unknown key turns whole numbers into floats.
    typed_columns = {column.name: _DTYPES.get(column.type, "object") for column in declared}
    return found.astype({key: known[key].dtype, **typed_columns}).assign(event_timestamp=stamp)


def holds(use_case: UseCase, row: Mapping[str, object]) -> bool:
    """Whether the online store has the entity of a feature row, with a value for every feature that the row has."""
    from feast.errors import FeatureServiceNotFoundException

    store, key = feature_store(), use_case.entity.key
    try:
        service = store.get_feature_service(names.feature_service(use_case))
        found = store.get_online_features(features=service, entity_rows=[{key: row[key]}]).to_dict()
    except (FeatureServiceNotFoundException, NoOnlineTable):
        return False
    expected = [column.name for column in feature_columns(use_case) if row.get(column.name) is not None]
    return all(found.get(name, [None]) != [None] for name in expected)


def _event_times(response: "OnlineResponse", feature: str) -> list[datetime]:
    """The event time of each row. Feast gives one per feature; all features of a row carry the same."""
    vector = response.proto.results[list(response.proto.metadata.feature_names.val).index(feature)]
    return [time.ToDatetime(tzinfo=UTC) for time in vector.event_timestamps]


def _service(use_case: UseCase) -> "FeatureService":
    from feast.errors import FeatureServiceNotFoundException

    try:
        return feature_store().get_feature_service(names.feature_service(use_case))
    except FeatureServiceNotFoundException as error:
        raise LeadmillError(f"'{use_case.name}' has no features online yet. Run {use_case.name}_etl first.") from error


def _typed(use_case: UseCase, key: str) -> int | str:
    """The key as it is stored; where it can be none, one that nobody has."""
    if use_case.entity.key_type == "int":
        return int(key) if re.fullmatch(r"[0-9]{1,18}", key) else -1
    return key.lower() if use_case.entity.key_type == "uuid" else key
