"""Online lookup of features through Feast."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leadmill import names
from leadmill.features.store import feature_store
from leadmill.spec import UseCase
from leadmill.storage.ddl import feature_columns

if TYPE_CHECKING:
    import pandas as pd


_DTYPES = {"bigint": "int64", "boolean": "bool"}


def lookup(use_case: UseCase, keys: Sequence[str]) -> "pd.DataFrame":
    """One row per known key: the key, every feature and flag, their event_timestamp (UTC). Unknown keys are absent."""
    import pandas as pd

    store, key = feature_store(), use_case.entity.key
    typed = [int(value) if use_case.entity.key_type == "int" else str(value).lower() for value in keys]
    if use_case.entity.key_type == "string":
        typed = list(keys)
    response = store.get_online_features(
        features=store.get_feature_service(names.feature_service(use_case)),
        entity_rows=[{key: value} for value in typed],
    )
    declared = list(feature_columns(use_case))
    columns = [column.name for column in declared]
    frame = response.to_df(include_event_timestamps=True)
    known = frame[frame[columns].notna().all(axis=1)].reset_index(drop=True)
    # Feast gives one time per feature, in seconds; all features of a row carry the same.
    stamp = pd.to_datetime(known[f"{columns[0]}__ts"], unit="s", utc=True)
    # A row of an unknown key turns whole numbers into floats.
    typed_columns = {column.name: _DTYPES[column.type] for column in declared if column.type in _DTYPES}
    return known[[key, *columns]].astype(typed_columns).assign(event_timestamp=stamp)
