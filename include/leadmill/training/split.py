"""Which rows teach and which judge."""

from dataclasses import dataclass
from typing import Any

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


def temporal_holdout(use_case: UseCase, frame: pd.DataFrame, onset: pd.Timestamp | None = None) -> Split:
    """The newest 20 % of the rows by ``as_of`` judge; rows of one moment stay together.

    Purged from training: entities that are also in the holdout, and rows whose label matured only after the holdout
    begins. Where the rows are of another kind since ``onset``, the rows since then of a third of the entities judge,
    and every other row of the other entities teaches: else nothing of the new kind would be learned before it is older
    than the horizon and a fifth of the history (ADR 0012). Where the label is a sum, entities stay for years and nearly
    all of them are among the newest rows too: there as well a third of the entities judges, on the newest rows, and the
    others teach (ADR 0014). Raises NotTrainable when all rows are of one moment or nothing is left to learn from.
    """
    if onset is None:
        begins = _newest_begin(use_case, frame)
        held = (frame[AS_OF] >= begins).to_numpy()
        if use_case.label.aggregate:
            held &= _judges(frame[use_case.entity.key])
        known = (frame[AS_OF] + use_case.label.matures_after < begins).to_numpy()
    else:
        begins, known = onset, np.ones(len(frame), dtype=np.bool_)
        held = (frame[AS_OF] >= onset).to_numpy() & _judges(frame[use_case.entity.key])
    entities = frame[use_case.entity.key]
    kept = ~held & ~entities.isin(entities[held]).to_numpy() & known
    if not kept.any():
        raise NotTrainable(use_case.name, f"no row's label was known before the holdout begins ({begins.isoformat()})")
    return Split(np.flatnonzero(kept), np.flatnonzero(held), int((~held & ~kept).sum()), begins)


def _newest_begin(use_case: UseCase, frame: pd.DataFrame) -> pd.Timestamp:
    times = frame[AS_OF].sort_values(ignore_index=True)
    firsts = np.flatnonzero(~times.duplicated().to_numpy())[1:]
    if not len(firsts):
        raise NotTrainable(use_case.name, "all training rows are of one moment, so none can be held out by time")
    wanted = len(frame) * (1 - HOLDOUT_SHARE)
    begins: pd.Timestamp = times.iloc[int(firsts[np.argmin(np.abs(firsts - wanted))])]
    return begins


def _judges(entities: "pd.Series[Any]") -> NDArray[np.bool_]:
    """Whether an entity is of the third that judges; by its key alone, so later trainings deal alike."""
    found: NDArray[np.bool_] = pd.util.hash_array(entities.astype(str).to_numpy(dtype=object)) % 3 == 0
    return found


def grouped_folds(
    y: NDArray[np.int64], groups: NDArray[np.int64], folds: int = FOLDS, seed: int = SEED
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(train, test) pairs of positions: no entity on both sides, entities with a positive row dealt out evenly.

    Stratified like scikit-learn's StratifiedGroupKFold, which weighs every entity against every fold in turn and takes
    minutes over 100,000 entities.
    """
    _, codes = np.unique(groups, return_inverse=True)
    positive = np.bincount(codes, weights=y) > 0
    order = np.random.default_rng(seed).permutation(len(positive))
    fold = np.empty(len(positive), dtype=np.int64)
    fold[order[np.argsort(positive[order], kind="stable")]] = np.arange(len(positive)) % folds
    return [(np.flatnonzero(fold[codes] != at), np.flatnonzero(fold[codes] == at)) for at in range(folds)]
