"""The bands of a number: where they begin and end, and in which a value lies."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadmill.errors import NotTrainable
from leadmill.spec import UseCase

Array = NDArray[np.float64]

# How far beyond what was seen in training a value of the outer bands may lie.
ALLOWANCE = 1.5


@dataclass(frozen=True)
class Edges:
    """Bands from the lowest to the highest: ``inner`` are the edges between them, a value on one is of the upper band.

    ``lower`` and ``upper`` bound what may be predicted, not what may happen: a value beyond them is of an outer band.
    """

    names: tuple[str, ...]
    inner: tuple[float, ...]
    lower: float
    upper: float

    def codes(self, values: Array) -> NDArray[np.int64]:
        """Number of the band of each value, the lowest 0.

        >>> Edges(("low", "middle", "high"), (10.0, 20.0), 0.0, 60.0).codes(np.array([-1.0, 10.0, 99.0])).tolist()
        [0, 1, 2]
        """
        return np.searchsorted(np.asarray(self.inner), values, side="right").astype(np.int64)

    def clipped(self, values: Array, codes: NDArray[np.int64]) -> Array:
        """The values pulled into the bands of these numbers."""
        ends = np.array([self.lower, *self.inner, self.upper])
        # The edge itself is of the band above.
        highest = np.append(np.nextafter(ends[1:-1], -np.inf), self.upper)
        found: Array = np.clip(values, ends[:-1][codes], highest[codes])
        return found

    def document(self) -> list[dict[str, Any]]:
        """The bands as stored in ``ops.models``."""
        ends = [self.lower, *self.inner, self.upper]
        return [
            {"class": name, "from": low, "to": high}
            for name, low, high in zip(self.names, ends[:-1], ends[1:], strict=True)
        ]


def learned_edges(use_case: UseCase, labels: Array, weight: Array) -> Edges:
    """Bands of equal shares of the weight, as far as equal labels allow: these are never parted.

    An edge lies halfway between two labels. The outer bounds are the smallest label (0 where none is below) and the
    largest, each ALLOWANCE times as far from 0. Raises NotTrainable where too many labels are equal.
    """
    order = np.argsort(labels, kind="stable")
    values, starts = np.unique(labels[order], return_index=True)
    below = np.cumsum(np.add.reduceat(weight[order], starts)) / weight.sum()
    bands = len(use_case.classes)
    # The share at or below each label that comes nearest to what is wanted.
    cuts = [int(np.argmin(np.abs(below[:-1] - share / bands))) for share in range(1, bands)] if len(values) > 1 else []
    if len(set(cuts)) < bands - 1:
        raise NotTrainable(
            use_case.name, f"its labels are too equal to make {bands} bands of: {len(values):,} different ones"
        )
    inner = tuple(float(values[cut] + values[cut + 1]) / 2 for cut in cuts)
    return Edges(use_case.classes, inner, ALLOWANCE * min(0.0, float(values[0])), ALLOWANCE * float(values[-1]))
