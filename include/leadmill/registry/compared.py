"""Two versions on the same newest rows, of entities from which neither compared champion has learned."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadmill.registry import ledger
from leadmill.registry.champion import load_pipeline
from leadmill.registry.contract import inputs_from
from leadmill.registry.dataset import TrainingSet, drift_onset, stored_frame
from leadmill.spec import UseCase
from leadmill.training.answers import answered
from leadmill.training.data import Rows
from leadmill.training.inputs import model_frame
from leadmill.training.metrics import Judged
from leadmill.training.split import temporal_holdout


@dataclass(frozen=True)
class Unlearned:
    """The holdout rows that every one of some versions can be judged on fairly: as rows, and as they stand."""

    holdout: Rows
    frame: pd.DataFrame

    def answers(self, use_case: UseCase, version: str) -> Judged:
        """What a registered version says of these rows, beside what came true."""
        inputs = inputs_from(ledger.known_model(use_case.name, version).inputs)
        asked = replace(self.holdout, x=model_frame(self.frame, inputs))
        return answered(load_pipeline(use_case.name, version), asked, self.holdout.base_rate)

    def slices(self, use_case: UseCase) -> dict[str, list[str]]:
        """Level of each row by every feature of ``gate.slices``."""
        found = {}
        for name in use_case.gate.slices:
            column, values = use_case.features[name], self.frame[name]
            ordered = column.type == "ordered"
            found[name] = [column.levels[int(value)] if ordered else str(value).lower() for value in values]
        return found


def unlearned(use_case: UseCase, rows: TrainingSet, versions: Sequence[str]) -> Unlearned:
    """Holdout rows of entities that are in no row that taught one of ``versions``."""
    at = np.arange(len(rows.split.holdout))
    for version in versions:
        at = at[_unknown_to(use_case, version, rows)[at]]
    return Unlearned(rows.holdout.take(at), rows.frame.iloc[rows.split.holdout[at]])


def _unknown_to(use_case: UseCase, version: str, rows: TrainingSet) -> NDArray[np.bool_]:
    """Whether each holdout row's entity is in no row that taught ``version``.

    What taught a version that was trained elsewhere only its maker knows: any of the rows it was judged among may have.
    """
    model, key = ledger.known_model(use_case.name, version), use_case.entity.key
    taught = stored_frame(model.mlflow_run_id)
    known: slice | NDArray[np.int64] = slice(None)
    if model.candidate != ledger.EXTERNAL:
        known = temporal_holdout(use_case, taught, drift_onset(model.mlflow_run_id)).train
    learned = taught[key].iloc[known]
    unknown: NDArray[np.bool_] = ~rows.frame[key].iloc[rows.split.holdout].isin(learned).to_numpy()
    return unknown
