"""The training frame of one MLflow run: stored with it, so that every later task sees the same rows."""

import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from leadmill.errors import NotEnoughData, NotTrainable
from leadmill.learning import Gate
from leadmill.registry import store
from leadmill.spec import UseCase
from leadmill.training.data import AS_OF, LABEL, WEIGHT, Rows, rows_of
from leadmill.training.edges import Edges, learned_edges
from leadmill.training.inputs import ModelInput, model_inputs
from leadmill.training.results import FOLDS
from leadmill.training.split import Split, temporal_holdout

FOLDER, FILE = "data", "frame.parquet"
# Tag of a run that splits its rows with regard to drift.
ONSET = "drift_onset"


@dataclass(frozen=True)
class TrainingSet:
    """The rows of a run, split by time; where the label is a number, in bands by ``train.edges``."""

    frame: pd.DataFrame
    inputs: tuple[ModelInput, ...]
    split: Split
    train: Rows
    holdout: Rows


def check_enough(use_case: UseCase, frame: pd.DataFrame) -> None:
    """Raise NotEnoughData when the frame is smaller than the spec's gate asks for."""
    if len(frame) < use_case.gate.min_rows:
        raise NotEnoughData(use_case.name, "training rows", len(frame), use_case.gate.min_rows, "min_rows")
    positives = positives_of(use_case, frame)
    if positives < use_case.gate.min_positives:
        raise NotEnoughData(use_case.name, "positive rows", positives, use_case.gate.min_positives, "min_positives")


def positives_of(use_case: UseCase, frame: pd.DataFrame) -> int:
    """Positive rows; of bands those of the smallest. Raises NotTrainable where no bands can be made."""
    if not use_case.classes:
        return int(frame[LABEL].sum())
    codes = _edges(use_case, frame).codes(frame[LABEL].to_numpy(dtype=np.float64))
    return int(np.bincount(codes, minlength=len(use_case.classes)).min())


def _edges(use_case: UseCase, frame: pd.DataFrame) -> Edges:
    return learned_edges(use_case, *(frame[name].to_numpy(dtype=np.float64) for name in (LABEL, WEIGHT)))


def lowered_minima(use_case: UseCase) -> tuple[str, ...]:
    """One sentence for each minimum of the spec's gate that is below the usual one."""
    usual = Gate()
    return tuple(
        f"gate.{name} of '{use_case.name}' is {asked:,}, below the usual {least:,}: its figures are less certain"
        for name, asked, least in (
            ("min_rows", use_case.gate.min_rows, usual.min_rows),
            ("min_positives", use_case.gate.min_positives, usual.min_positives),
        )
        if asked < least
    )


def fingerprint(frame: pd.DataFrame) -> str:
    """SHA-256 over columns and rows, whatever the rows' order."""
    hashed = np.sort(pd.util.hash_pandas_object(frame, index=False).to_numpy())
    return sha256(",".join(frame.columns).encode() + hashed.tobytes()).hexdigest()


def store_frame(run_id: str, frame: pd.DataFrame) -> None:
    """Store the frame as a Parquet artifact of the run."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / FILE
        frame.to_parquet(file, index=False)
        store.client().log_artifact(run_id, str(file), FOLDER)


def stored_frame(run_id: str) -> pd.DataFrame:
    """The frame of the run, whole."""
    with tempfile.TemporaryDirectory() as folder:
        return pd.read_parquet(store.client().download_artifacts(run_id, f"{FOLDER}/{FILE}", folder))


def drift_onset(run_id: str) -> pd.Timestamp | None:
    """Since when the run's rows are of another kind, where drift was open when it began."""
    onset = store.tag(run_id, ONSET)
    return pd.Timestamp(onset) if onset else None


def _check_learnable(use_case: UseCase, train: Rows, split: Split) -> None:
    """Each fold needs an entity of either class."""
    if use_case.classes:
        return
    for what, of_class in (("with a positive row", train.y == 1), ("with a negative row", train.y == 0)):
        entities = len(np.unique(train.groups[of_class]))
        if entities < FOLDS:
            raise NotTrainable(
                use_case.name,
                f"{entities:,} entities {what} teach before the holdout begins ({split.begins.isoformat()}), and "
                f"{FOLDS} folds need one each",
            )


def training_set(use_case: UseCase, run_id: str) -> TrainingSet:
    """The run's rows, split anew; the split is a function of the rows, and of the onset of drift kept with the run.

    Raises NotTrainable.
    """
    frame = stored_frame(run_id)
    # A feature that was added since is none of the run's.
    inputs = tuple(item for item in model_inputs(use_case) if item.name in frame.columns)
    onset = drift_onset(run_id)
    split = temporal_holdout(use_case, frame, onset)
    edges = _edges(use_case, frame.iloc[split.train]) if use_case.classes else None
    rows = rows_of(use_case, frame, inputs, edges)
    train = rows.take(split.train)
    _check_learnable(use_case, train, split)
    if onset is not None:
        train = train.favouring((frame[AS_OF].iloc[split.train] >= onset).to_numpy())
    return TrainingSet(frame, inputs, split, train, rows.take(split.holdout))
