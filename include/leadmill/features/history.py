"""Training rows: labels joined with the features that were known, by Feast's point-in-time join."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from leadmill import names
from leadmill.clock import source_now
from leadmill.errors import NotTrainable
from leadmill.features.store import apply, feature_store
from leadmill.spec import UseCase
from leadmill.storage.ddl import feature_columns

if TYPE_CHECKING:
    import pandas as pd


def entity_rows_sql(use_case: UseCase, cutoff: datetime) -> str:
    """SQL of the training entities of a snapshot source whose labels are known at load: one row per labelled entity.

    ``event_timestamp`` is the cut-off, so the join takes what was written by then; ``as_of`` is the time of the
    entity's newest row, which orders the temporal split.
    """
    key = use_case.entity.key
    moment = f"TIMESTAMPTZ '{cutoff.astimezone(UTC).isoformat()}'"
    return (
        f"SELECT l.{key}, {moment} AS event_timestamp, f.event_timestamp AS as_of, l.label, "
        "1.0::float8 AS weight "
        f"FROM (SELECT DISTINCT ON ({key}) {key}, label FROM {names.labels_table(use_case)} "
        f"WHERE known_at <= {moment} ORDER BY {key}, known_at DESC) AS l "
        f"JOIN (SELECT DISTINCT ON ({key}) {key}, event_timestamp FROM {names.features_table(use_case)} "
        f"WHERE event_timestamp <= {moment} AND created_timestamp <= {moment} ORDER BY {key}, event_timestamp DESC) "
        f"AS f USING ({key})"
    )


def training_frame(use_case: UseCase, cutoff: datetime | None = None) -> "pd.DataFrame":
    """Labelled rows as of ``cutoff`` (default: now, by the source's clock).

    Columns: the key, as_of (UTC), label (0 or 1), weight, every feature and flag. No feature row that was recorded or
    written after the cut-off is used. An empty store gives an empty frame.
    """
    import pandas as pd

    if use_case.source.history != "snapshot" or use_case.label.horizon is not None:
        raise NotTrainable(
            use_case.name, "training rows with a horizon are not built yet; only snapshots with 'horizon: none' train"
        )
    moment = cutoff or source_now(use_case)
    apply(use_case)
    store = feature_store()
    columns = [column.name for column in feature_columns(use_case)]
    wanted = [use_case.entity.key, "as_of", "label", "weight", *columns]
    if _empty(use_case, moment):
        return pd.DataFrame(columns=wanted)
    job = store.get_historical_features(
        entity_df=entity_rows_sql(use_case, moment),
        features=store.get_feature_service(names.feature_service(use_case)),
        filter_by_created_timestamp=True,
    )
    frame = job.to_df()[wanted]
    frame["as_of"] = pd.to_datetime(frame["as_of"], utc=True)
    return frame.sort_values(["as_of", use_case.entity.key], ignore_index=True)


def _empty(use_case: UseCase, cutoff: datetime) -> bool:
    """Whether there is no entity to join; Feast fails on that."""
    from sqlalchemy import text

    from leadmill.storage.database import engine

    with engine().connect() as connection:
        statement = f"SELECT NOT EXISTS ({entity_rows_sql(use_case, cutoff)})".replace(":", r"\:")
        return bool(connection.execute(text(statement)).scalar_one())
