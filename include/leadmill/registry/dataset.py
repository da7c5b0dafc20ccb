"""The training frame of one MLflow run: stored with it, so that every later task sees the same rows."""

import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from leadmill.errors import NotEnoughData
from leadmill.learning import Gate
from leadmill.registry import store
from leadmill.spec import UseCase
from leadmill.training.data import LABEL, Rows, rows_of
from leadmill.training.inputs import ModelInput, model_inputs
from leadmill.training.split import Split, temporal_holdout

FOLDER, FILE = "data", "frame.parquet"


@dataclass(frozen=True)
class TrainingSet:
    """The rows of a run, split by time."""

    frame: pd.DataFrame
    inputs: tuple[ModelInput, ...]
    split: Split
    train: Rows
    holdout: Rows


def check_enough(use_case: UseCase, frame: pd.DataFrame) -> None:
    """Raise NotEnoughData when the frame is smaller than the spec's gate asks for."""
    positives = int(frame[LABEL].sum())
    if len(frame) < use_case.gate.min_rows:
        raise NotEnoughData(use_case.name, "training rows", len(frame), use_case.gate.min_rows, "min_rows")
    if positives < use_case.gate.min_positives:
        raise NotEnoughData(use_case.name, "positive rows", positives, use_case.gate.min_positives, "min_positives")


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


def training_set(use_case: UseCase, run_id: str) -> TrainingSet:
    """The run's rows, split anew; the split is a function of the rows. Raises NotTrainable."""
    frame = stored_frame(run_id)
    inputs = model_inputs(use_case)
    split = temporal_holdout(use_case, frame)
    rows = rows_of(use_case, frame, inputs)
    return TrainingSet(frame, inputs, split, rows.take(split.train), rows.take(split.holdout))
