"""Training rows: labels joined with the features that were known, by Feast's point-in-time join."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import text

from leadmill import names
from leadmill.clock import source_now
from leadmill.errors import NotTrainable
from leadmill.features.store import apply, feature_store
from leadmill.features.training_rows import entity_rows_sql
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.storage.ddl import ensure_tables, feature_columns

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Cutoff:
    """What a training set may know: what was recorded up to ``moment``, by what windows up to ``window`` wrote.

    The number of a window is the created time of what it wrote, told exactly: two windows may be read while the
    source's clock stands still. The two together give the same rows at any later time.
    """

    moment: datetime
    window: int


def training_frame(use_case: UseCase, cutoff: datetime | None = None, window: int | None = None) -> "pd.DataFrame":
    """Labelled rows as of ``cutoff`` (default: as far as outcomes are known, see ``known_through``).

    Columns: the key, as_of (UTC), label (0 or 1; of bands the sum), weight, every feature and flag. Of a snapshot no
    feature row that was recorded or written after the cut-off is used; of an event source none with an event time after
    the row's as_of, whenever it was written (a history loaded at once is written at once). Nothing is used that a
    window after ``window`` wrote, where it is given. An empty store gives an empty frame.
    """
    import pandas as pd

    if not use_case.has_events and use_case.label.horizon is not None:
        raise NotTrainable(
            use_case.name,
            "a snapshot does not say what was known before an outcome: declare 'label.horizon: none' where its labels "
            "are known at load, or give a source with 'history: events'",
        )
    moment = cutoff or known_through(use_case)
    # A feature may have been added since the last window.
    ensure_tables(use_case)
    apply(use_case)
    store = feature_store()
    columns = [column.name for column in feature_columns(use_case)]
    wanted = [use_case.entity.key, "as_of", "label", "weight", *columns]
    job = store.get_historical_features(
        entity_df=entity_rows_sql(use_case, moment, window=window),
        features=store.get_feature_service(names.feature_service(use_case)),
        filter_by_created_timestamp=not use_case.has_events,
    )
    frame = job.to_df()[wanted]
    frame["as_of"] = pd.to_datetime(frame["as_of"], utc=True)
    return frame.sort_values(["as_of", use_case.entity.key], ignore_index=True)


def known_through(use_case: UseCase) -> datetime:
    """Until when outcomes are known: now by the source's clock, of events no further than the source has been read.

    Behind an ETL that lags, a horizon may have passed of which the outcomes are unread: every label would be negative.
    """
    return newest_cutoff(use_case).moment


def newest_cutoff(use_case: UseCase) -> Cutoff:
    """Everything that is known now: ``known_through``, and the newest published window (0 where there is none)."""
    now = source_now(use_case)
    statement = "SELECT max(window_id), max(until) FROM ops.windows WHERE use_case = :name AND status = 'published'"
    with engine().connect() as connection:
        window, read = connection.execute(text(statement), {"name": use_case.name}).one()
    return Cutoff(min(now, read) if read and use_case.has_events else now, window or 0)
