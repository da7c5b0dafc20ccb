"""``ops.training_sets``: every training set by its id, and its rows again at any later time."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import text

from leadmill.clock import source_now
from leadmill.errors import TrainingSetChanged, UnknownTrainingSet
from leadmill.features.history import Cutoff, training_frame
from leadmill.registry.dataset import fingerprint
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.storage.ddl import feature_columns
from leadmill.training.data import AS_OF

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = (
    "training_set, spec_version, moment, window_id, columns, fingerprint, rows, first_as_of, last_as_of, built_at"
)
_LONGEST_ID = 12


@dataclass(frozen=True)
class Recorded:
    """One row of ``ops.training_sets``; ``versions`` are the models that were trained and judged on it."""

    training_set: str
    spec_version: str
    moment: datetime
    window_id: int
    columns: list[str]
    fingerprint: str
    rows: int
    first_as_of: datetime
    last_as_of: datetime
    built_at: datetime
    versions: list[str]


def record(use_case: UseCase, cutoff: Cutoff, frame: "pd.DataFrame") -> str:
    """Store how the frame was built from the cut-off; its id. The same rows by the same spec are the same set."""
    found = fingerprint(frame)
    training_set = sha256(f"{use_case.version} {found}".encode()).hexdigest()[:_LONGEST_ID]
    with engine().begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO ops.training_sets (use_case, {_COLUMNS}) VALUES (:use_case, :training_set, "
                ":spec_version, :moment, :window_id, :columns, :fingerprint, :rows, :first_as_of, :last_as_of, "
                ":built_at) ON CONFLICT (use_case, training_set) DO NOTHING"
            ),
            {
                "use_case": use_case.name,
                "training_set": training_set,
                "spec_version": use_case.version,
                "moment": cutoff.moment,
                "window_id": cutoff.window,
                "columns": list(frame.columns),
                "fingerprint": found,
                "rows": len(frame),
                "first_as_of": frame[AS_OF].min(),
                "last_as_of": frame[AS_OF].max(),
                "built_at": source_now(use_case),
            },
        )
    return training_set


def training_sets(use_case: UseCase) -> list[Recorded]:
    """Every training set of the use case, newest first."""
    statement = (
        f"SELECT {_COLUMNS}, ARRAY(SELECT version FROM ops.models AS m WHERE m.use_case = t.use_case "
        "AND m.training_set = t.training_set ORDER BY version::int) AS versions "
        "FROM ops.training_sets AS t WHERE use_case = :name ORDER BY built_at DESC, window_id DESC, training_set"
    )
    with engine().connect() as connection:
        return [Recorded(**row._mapping) for row in connection.execute(text(statement), {"name": use_case.name})]


def rebuilt(use_case: UseCase, training_set: str) -> tuple[Recorded, "pd.DataFrame"]:
    """The rows of the training set of that id, from the features and outcomes of then; proved by their fingerprint.

    Raises UnknownTrainingSet, and TrainingSetChanged where the present spec, or what the tables hold, gives others.
    """
    known = training_sets(use_case)
    row = next((one for one in known if one.training_set == training_set), None)
    if row is None:
        raise UnknownTrainingSet(use_case.name, training_set, [one.training_set for one in known])
    versions = row.spec_version, use_case.version
    offered = {use_case.entity.key, AS_OF, "label", "weight", *(one.name for one in feature_columns(use_case))}
    lacking = [name for name in row.columns if name not in offered]
    if lacking:
        raise TrainingSetChanged(use_case.name, training_set, versions, f"the spec has no feature {', '.join(lacking)}")
    frame = training_frame(use_case, row.moment, row.window_id)[row.columns]
    if fingerprint(frame) != row.fingerprint:
        found = f"{len(frame):,} rows come out, and it had {row.rows:,}"
        if len(frame) == row.rows:
            found = f"its {row.rows:,} rows come out with other values"
        raise TrainingSetChanged(use_case.name, training_set, versions, found)
    return row, frame
