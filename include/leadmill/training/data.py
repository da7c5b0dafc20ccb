"""A training frame taken apart into what scikit-learn wants."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadmill.spec import UseCase
from leadmill.training.edges import Edges
from leadmill.training.inputs import ModelInput, model_frame

AS_OF, LABEL, WEIGHT = "as_of", "label", "weight"


@dataclass(frozen=True)
class Rows:
    """Aligned inputs, labels (0 or 1), weights and entity numbers of some training rows.

    Where the label is a number (``value``), ``y`` is its band by ``edges``, from 0.

    ``oversampled`` is how many times too high the odds of a positive are among the rows themselves; the weights undo
    that, so that every weighted figure is one of the true share of positives.
    """

    x: pd.DataFrame
    y: NDArray[np.int64]
    weight: NDArray[np.float64]
    groups: NDArray[np.int64]
    oversampled: float = 1.0
    value: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    edges: Edges | None = None

    def take(self, index: NDArray[np.int64]) -> "Rows":
        """These rows only, by position."""
        return replace(
            self,
            x=self.x.iloc[index],
            y=self.y[index],
            weight=self.weight[index],
            groups=self.groups[index],
            value=self.value[index] if self.edges else self.value,
        )

    def restricted(self, inputs: Sequence[ModelInput]) -> "Rows":
        """The same rows with these inputs only."""
        return replace(self, x=self.x[[item.name for item in inputs]])

    @property
    def known_edges(self) -> Edges:
        """The bands. Raises ValueError where the label is no number."""
        if self.edges is None:
            raise ValueError("the label of these rows is no number that lies in bands")
        return self.edges

    def above(self, code: int) -> "Rows":
        """The same with label 1 for the bands above ``code``."""
        return replace(self, y=(self.y > code).astype(np.int64), edges=None)

    def of_class(self, code: int) -> "Rows":
        """The same with label 1 for the band ``code``."""
        return replace(self, y=(self.y == code).astype(np.int64), edges=None)

    @property
    def scored(self) -> "Rows":
        """The rows as the score sees them: of bands the last against all others, else as they are."""
        return self.of_class(len(self.edges.inner)) if self.edges else self

    def favouring(self, recent: NDArray[np.bool_]) -> "Rows":
        """With weights by which the ``recent`` rows weigh together at least as much as all others."""
        if not recent.any():
            return self
        more = max(1.0, float(self.weight[~recent].sum() / self.weight[recent].sum()))
        return replace(self, weight=np.where(recent, self.weight * more, self.weight))

    @property
    def base_rate(self) -> float:
        """Weighted share of positives, of bands that of the last."""
        return float(np.average(self.scored.y, weights=self.weight))

    @property
    def positives(self) -> int:
        """How many rows are positive, of bands in the last."""
        return int(self.scored.y.sum())

    def __len__(self) -> int:
        return len(self.y)


def rows_of(use_case: UseCase, frame: pd.DataFrame, inputs: Sequence[ModelInput], edges: Edges | None = None) -> Rows:
    """The rows of a training frame, restricted to ``inputs``, weighted to ``model.prior`` where the spec names one.

    ``edges`` are the bands, where the label is a number.
    """
    weight = frame[WEIGHT].to_numpy(dtype=np.float64)
    value = frame[LABEL].to_numpy(dtype=np.float64) if edges else np.empty(0)
    y = edges.codes(value) if edges else frame[LABEL].to_numpy(dtype=np.int64)
    oversampled = oversampling(use_case.model.prior, y, weight)
    return Rows(
        x=model_frame(frame, inputs).reset_index(drop=True),
        y=y,
        weight=weight / np.where(y == 1, oversampled, 1.0),
        groups=pd.factorize(frame[use_case.entity.key])[0].astype(np.int64),
        oversampled=oversampled,
        value=value,
        edges=edges,
    )


def oversampling(prior: float | None, y: NDArray[np.int64], weight: NDArray[np.float64]) -> float:
    """Odds of a positive among the rows over those of ``prior``, the true share; 1 where none is given."""
    if prior is None or not 0 < y.sum() < len(y):
        return 1.0
    found = float(np.average(y, weights=weight))
    return found / (1 - found) / (prior / (1 - prior))
