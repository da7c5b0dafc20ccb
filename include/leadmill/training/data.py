"""A training frame taken apart into what scikit-learn wants."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadmill.spec import UseCase
from leadmill.training.inputs import ModelInput, model_frame

AS_OF, LABEL, WEIGHT = "as_of", "label", "weight"


@dataclass(frozen=True)
class Rows:
    """Aligned inputs, labels (0 or 1), weights and entity numbers of some training rows."""

    x: pd.DataFrame
    y: NDArray[np.int64]
    weight: NDArray[np.float64]
    groups: NDArray[np.int64]

    def take(self, index: NDArray[np.int64]) -> "Rows":
        """These rows only, by position."""
        return Rows(self.x.iloc[index], self.y[index], self.weight[index], self.groups[index])

    @property
    def base_rate(self) -> float:
        """Weighted share of positives."""
        return float(np.average(self.y, weights=self.weight))

    def __len__(self) -> int:
        return len(self.y)


def rows_of(use_case: UseCase, frame: pd.DataFrame, inputs: Sequence[ModelInput]) -> Rows:
    """The rows of a training frame, restricted to ``inputs``."""
    return Rows(
        x=model_frame(frame, inputs).reset_index(drop=True),
        y=frame[LABEL].to_numpy(dtype=np.int64),
        weight=frame[WEIGHT].to_numpy(dtype=np.float64),
        groups=pd.factorize(frame[use_case.entity.key])[0].astype(np.int64),
    )
