"""Which rows teach and which judge."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadmill.errors import NotTrainable
from leadmill.spec import UseCase
from leadmill.training.candidates import SEED
from leadmill.training.data import AS_OF
from leadmill.training.results import FOLDS

HOLDOUT_SHARE = 0.2


@dataclass(frozen=True)
class Split:
    """Positions of training and holdout rows; ``purged`` rows are in neither."""

    train: NDArray[np.int64]
    holdout: NDArray[np.int64]
    purged: int
    begins: pd.Timestamp


def temporal_holdout(use_case: UseCase, frame: pd.DataFrame) -> Split:
    """The newest 20 % of the rows by ``as_of`` judge; rows of one moment stay together.

    Purged from training: entities that are also in the holdout, and rows whose label matured only after the holdout
    begins. Raises NotTrainable when all rows are of one moment or nothing is left to learn from.
    """
    times = frame[AS_OF].sort_values(ignore_index=True)
    firsts = np.flatnonzero(~times.duplicated().to_numpy())[1:]
    if not len(firsts):
        raise NotTrainable(use_case.name, "all training rows are of one moment, so none can be held out by time")
    wanted = len(frame) * (1 - HOLDOUT_SHARE)
    begins = times.iloc[int(firsts[np.argmin(np.abs(firsts - wanted))])]
    held = (frame[AS_OF] >= begins).to_numpy()
    entities = frame[use_case.entity.key]
    matured = frame[AS_OF] + use_case.label.matures_after
    kept = ~held & ~entities.isin(entities[held]).to_numpy() & (matured < begins).to_numpy()
    if not kept.any():
        raise NotTrainable(use_case.name, f"no row's label was known before the holdout begins ({begins.isoformat()})")
    return Split(np.flatnonzero(kept), np.flatnonzero(held), int((~held & ~kept).sum()), begins)


def grouped_folds(
    y: NDArray[np.int64], groups: NDArray[np.int64], folds: int = FOLDS
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(train, test) pairs of positions: no entity on both sides, entities with a positive row dealt out evenly.

    Stratified like scikit-learn's StratifiedGroupKFold, which weighs every entity against every fold in turn and takes
    minutes over 100,000 entities.
    """
    _, codes = np.unique(groups, return_inverse=True)
    positive = np.bincount(codes, weights=y) > 0
    order = np.random.default_rng(SEED).permutation(len(positive))
    fold = np.empty(len(positive), dtype=np.int64)
    fold[order[np.argsort(positive[order], kind="stable")]] = np.arange(len(positive)) % folds
    return [(np.flatnonzero(fold[codes] != at), np.flatnonzero(fold[codes] == at)) for at in range(folds)]
