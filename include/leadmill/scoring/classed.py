"""What a multiclass champion says beside the probability of its last class, of which score and reasons are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the value is expected to lie."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Classed:
    """One entity's most probable class, every class's probability, the lowest first, and the value with its interval.

    The value lies inside the edges of the predicted class. Field for field what the API answers.
    """

    predicted_class: str
    probabilities: dict[str, float]
    predicted_value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class ClassedMany:
    """The same of many entities, a row each: ``probabilities`` of the classes; of ``values`` value, low and high."""

    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]
    values: NDArray[np.float64]

    @property
    def places(self) -> NDArray[np.int64]:
        """Which class is the most probable; of equal ones the lower."""
        found: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return found

    def each(self) -> list[Classed]:
        """One by one."""
        told = zip(self.places.tolist(), self.probabilities.tolist(), self.values.tolist(), strict=True)
        return [
            Classed(self.classes[place], dict(zip(self.classes, shares, strict=True)), value, Interval(low, high))
            for place, shares, (value, low, high) in told
        ]

    def columns(self) -> dict[str, Any]:
        """The columns of ``scores.<use case>``; the probabilities as JSON."""
        value, low, high = self.values.T
        return {
            "predicted_class": pa.array(self.classes, pa.string()).take(pa.array(self.places)),
            "probabilities": _json(self.classes, self.probabilities),
            "predicted_value": value,
            "predicted_low": low,
            "predicted_high": high,
        }


def _json(classes: Sequence[str], probabilities: NDArray[np.float64]) -> pa.Array:
    """Per row an object of class and probability; names of classes need no escaping, the spec sees to that."""
    parts: list[Any] = []
    for at, name in enumerate(classes):
        # Arrow's text of a float reads back as the same one.
        parts += [f'{"," if at else "{"}"{name}":', pa.array(probabilities[:, at]).cast(pa.string())]
    return pc.binary_join_element_wise(*parts, "}", "")
