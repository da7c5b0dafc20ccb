"""Online lookup of features through Feast."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from leadmill import names
from leadmill.errors import LeadmillError
from leadmill.features.store import feature_store
from leadmill.spec import UseCase
from leadmill.storage.ddl import feature_columns

if TYPE_CHECKING:
    import pandas as pd
    from feast import FeatureService


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
    frame = response.to_df(include_event_timestamps=True)
    held = [name for name in columns if name in frame.columns]
    known = frame[frame[held].notna().any(axis=1)].reset_index(drop=True)
    # Feast gives one time per feature, in seconds; all features that a row holds carry the same.
    stamp = pd.to_datetime(known[[f"{name}__ts" for name in held]].max(axis=1), unit="s", utc=True)
    found = known.reindex(columns=[key, *columns]).astype(object)
    for name, constant in _constants(use_case).items():
        found[name] = found[name].where(found[name].notna(), constant)
    # A row of an unknown key turns whole numbers into floats.
    typed_columns = {column.name: _DTYPES.get(column.type, "object") for column in declared}
    return found.astype({key: known[key].dtype, **typed_columns}).assign(event_timestamp=stamp)


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


def _constants(use_case: UseCase) -> dict[str, object]:
    """What rows read that are older than a feature, by column."""
    found: dict[str, object] = {column.name: column.cold_start for column in use_case.feature_columns}
    return found | {column.flag: True for column in use_case.feature_columns if column.has_flag}
