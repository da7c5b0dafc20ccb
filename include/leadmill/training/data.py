"""A training frame taken apart into what scikit-learn wants."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadmill.spec import UseCase
from leadmill.training.inputs import ModelInput, model_frame

AS_OF, LABEL, WEIGHT = "as_of", "label", "weight"


@dataclass(frozen=True)
class Rows:
    """Aligned inputs, labels (0 or 1), weights and entity numbers of some training rows.

    ``oversampled`` is how many times too high the odds of a positive are among the rows themselves; the weights undo
    that, so that every weighted figure is one of the true share of positives.
    """

    x: pd.DataFrame
    y: NDArray[np.int64]
    weight: NDArray[np.float64]
    groups: NDArray[np.int64]
    oversampled: float = 1.0

    def take(self, index: NDArray[np.int64]) -> "Rows":
        """These rows only, by position."""
        return Rows(self.x.iloc[index], self.y[index], self.weight[index], self.groups[index], self.oversampled)

    def favouring(self, recent: NDArray[np.bool_]) -> "Rows":
        """With weights by which the ``recent`` rows weigh together at least as much as all others."""
        if not recent.any():
            return self
        more = max(1.0, float(self.weight[~recent].sum() / self.weight[recent].sum()))
        return replace(self, weight=np.where(recent, self.weight * more, self.weight))

    @property
    def base_rate(self) -> float:
        """Weighted share of positives."""
        return float(np.average(self.y, weights=self.weight))

    def __len__(self) -> int:
        return len(self.y)


def rows_of(use_case: UseCase, frame: pd.DataFrame, inputs: Sequence[ModelInput]) -> Rows:
    """The rows of a training frame, restricted to ``inputs``, weighted to ``model.prior`` where the spec names one."""
    y, weight = frame[LABEL].to_numpy(dtype=np.int64), frame[WEIGHT].to_numpy(dtype=np.float64)
    oversampled = oversampling(use_case.model.prior, y, weight)
    return Rows(
        x=model_frame(frame, inputs).reset_index(drop=True),
        y=y,
        weight=weight / np.where(y == 1, oversampled, 1.0),
        groups=pd.factorize(frame[use_case.entity.key])[0].astype(np.int64),
        oversampled=oversampled,
    )


def oversampling(prior: float | None, y: NDArray[np.int64], weight: NDArray[np.float64]) -> float:
    """Odds of a positive among the rows over those of ``prior``, the true share; 1 where none is given."""
    if prior is None or not 0 < y.sum() < len(y):
        return 1.0
    found = float(np.average(y, weights=weight))
    return found / (1 - found) / (prior / (1 - prior))
