"""The labelled rows of a use case, taken apart for a study."""

import warnings
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import text

from leadmill import names
from leadmill.columns import Column
from leadmill.errors import LeadmillError
from leadmill.features.history import known_through, training_frame
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.training.candidates import SEED
from leadmill.training.data import AS_OF, LABEL, WEIGHT
from leadmill.training.edges import learned_edges
from leadmill.training.known import known_values
from leadmill.training.split import temporal_holdout

SAMPLE_ROWS = 20_000
LEAST_PER_CLASS = 50
# What fewer entities have in common is never shown by itself: it might tell of one of them.
LEAST_SHOWN = 10
NUMERIC = ("int", "float", "ordered")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class NothingToStudy(LeadmillError):
    """There are too few labelled rows to say anything about."""

    def __init__(self, use_case: str, reason: str) -> None:
        self.use_case, self.reason = use_case, reason
        super().__init__(
            f"There is nothing to study in '{use_case}' yet: {reason}. "
            f"Publish features and labels first (the DAG {use_case}_etl), then run ./leadmill study {use_case} again."
        )


@dataclass(frozen=True)
class Cases:
    """Aligned rows. ``filled`` is what training reads; in ``known`` every value that was filled is missing again.

    ``known`` holds numbers, ordinals and flags' values as the imputer takes them: floats with NaN, objects with None.
    ``weight`` is 1/n for each of the n rows of an entity; ``groups`` numbers the entities.
    """

    columns: tuple[Column, ...]
    filled: pd.DataFrame
    known: pd.DataFrame
    as_of: "pd.Series[pd.Timestamp]"
    y: Ints
    weight: Floats
    groups: Ints

    def __len__(self) -> int:
        return len(self.y)

    @property
    def entities(self) -> int:
        return len(np.unique(self.groups))

    @property
    def base_rate(self) -> float:
        """Weighted share of positives."""
        return float(np.average(self.y, weights=self.weight))

    def take(self, index: Ints) -> "Cases":
        """These rows only, by position."""
        return Cases(
            self.columns,
            self.filled.iloc[index].reset_index(drop=True),
            self.known.iloc[index].reset_index(drop=True),
            self.as_of.iloc[index].reset_index(drop=True),
            self.y[index],
            self.weight[index],
            self.groups[index],
        )

    def drawn(self, limit: int) -> "Cases":
        """All rows, or about ``limit`` of them: whole entities drawn at random, the same in every call."""
        if len(self) <= limit:
            return self
        _, codes, sizes = np.unique(self.groups, return_inverse=True, return_counts=True)
        order = np.random.default_rng(SEED).permutation(len(sizes))
        chosen = np.zeros(len(sizes), dtype=bool)
        chosen[order[np.cumsum(sizes[order]) <= limit]] = True
        return self.take(np.flatnonzero(chosen[codes]))

    def missing(self, column: Column) -> NDArray[np.bool_]:
        """Which rows lack a value of the column."""
        found: NDArray[np.bool_] = self.known[column.name].isna().to_numpy()
        return found

    def of_types(self, *types: str) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.type in types)


@dataclass(frozen=True)
class StudyData:
    """What a study looks at. ``every`` describes; ``train`` (older rows) decides; ``holdout`` (newest rows) judges.

    ``rejected`` counts the rows of the source that broke each row rule. Of a sum, positive is its last band, by edges
    learned from ``train`` as training learns them; ``above`` is where that begins.
    """

    use_case: UseCase
    moment: datetime
    every: Cases
    train: Cases
    holdout: Cases
    purged: int
    holdout_begins: pd.Timestamp
    rejected: dict[str, int]
    above: float | None = None


def read_study_data(use_case: UseCase) -> StudyData:
    """The labelled rows as of now, by the source's clock. Raises NothingToStudy and NotTrainable."""
    if not _published(use_case):
        raise NothingToStudy(use_case.name, "no feature was ever published")
    moment = known_through(use_case)
    with warnings.catch_warnings():
        # Feast hands its psycopg connection to pandas.
        warnings.filterwarnings("ignore", "pandas only supports SQLAlchemy", UserWarning)
        frame = training_frame(use_case, moment)
    return study_data(use_case, frame, moment, _rejected(use_case))


def study_data(
    use_case: UseCase, frame: pd.DataFrame, moment: datetime, rejected: dict[str, int] | None = None
) -> StudyData:
    """``frame`` (a training frame as of ``moment``) split as training splits it. Raises as read_study_data does."""
    if frame.empty:
        raise NothingToStudy(use_case.name, "no published entity has a known label")
    split = temporal_holdout(use_case, frame)
    above = _last_band(use_case, frame.iloc[split.train]) if use_case.classes else None
    every = _cases(use_case, frame if above is None else frame.assign(**{LABEL: (frame[LABEL] >= above).astype(int)}))
    train, holdout = every.take(split.train), every.take(split.holdout)
    fewest = int(np.bincount(train.y, minlength=2).min())
    if fewest < LEAST_PER_CLASS or len(np.unique(holdout.y)) < 2:
        raise NothingToStudy(
            use_case.name,
            f"its rows before {split.begins:%Y-%m-%d} hold {fewest} of the rarer outcome (at least {LEAST_PER_CLASS} "
            "are needed), and the newer ones must hold both outcomes",
        )
    return StudyData(use_case, moment, every, train, holdout, split.purged, split.begins, rejected or {}, above)


def _last_band(use_case: UseCase, taught: pd.DataFrame) -> float:
    labels, weight = (taught[name].to_numpy(dtype=np.float64) for name in (LABEL, WEIGHT))
    return learned_edges(use_case, labels, weight).inner[-1]


def _cases(use_case: UseCase, frame: pd.DataFrame) -> Cases:
    columns = use_case.feature_columns
    return Cases(
        columns,
        frame.reset_index(drop=True),
        pd.DataFrame({column.name: known_values(frame, column) for column in columns}).reset_index(drop=True),
        frame[AS_OF].reset_index(drop=True),
        frame[LABEL].to_numpy(dtype=np.int64),
        frame[WEIGHT].to_numpy(dtype=np.float64),
        pd.factorize(frame[use_case.entity.key])[0].astype(np.int64),
    )


def _published(use_case: UseCase) -> bool:
    with engine().connect() as connection:
        table = names.features_table(use_case)
        return connection.execute(text("SELECT to_regclass(:table)"), {"table": table}).scalar() is not None


def _rejected(use_case: UseCase) -> dict[str, int]:
    """Rows of the source by the rule that they broke."""
    statement = (
        f"SELECT rule, count(*) AS rows FROM {names.rejected_table(use_case)}, unnest(rules) AS rule GROUP BY rule"
    )
    with engine().connect() as connection:
        return {row.rule: row.rows for row in connection.execute(text(statement))}
