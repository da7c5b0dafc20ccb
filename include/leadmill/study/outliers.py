"""Values far out, by three measures, and what the spec does about them."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from leadmill.columns import Column
from leadmill.study.data import Cases, StudyData
from leadmill.training.winsorizer import Winsorizer

FENCE = 1.5
FAR_FENCE = 3.0
ROBUST_Z = 3.5
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class Clip:
    """What ``outliers: clip`` does to the values that training reads, at bounds learned from the training rows."""

    low: float
    high: float
    share: float
    skew_before: float
    skew_after: float


@dataclass(frozen=True)
class Outliers:
    """A numeric column: shares of its known values beyond the fences and beyond a robust z of ROBUST_Z.

    ``robust_z`` is None where more than half of the values are equal, so that nothing can be told. ``refused`` counts
    the rows that its range rule rejected, ``clip`` is what the spec's clipping does or, where ``clips`` is false,
    would do.
    """

    column: Column
    low_fence: float
    high_fence: float
    beyond: float
    far_beyond: float
    robust_z: float | None
    largest_z: float | None
    refused: int
    clip: Clip

    @property
    def clips(self) -> bool:
        return self.column.outliers == "clip"


def outliers(column: Column, data: StudyData) -> Outliers | None:
    """Of an int or float column; None where nothing is known of it."""
    values = _known(column, data.every)
    trained = _known(column, data.train)
    if not len(values) or not len(trained):
        return None
    first, third = np.quantile(values, (0.25, 0.75))
    reach = third - first
    median = np.median(values)
    scale = _MAD_TO_SIGMA * float(np.median(np.abs(values - median)))
    z = np.abs(values - median) / scale if scale else None
    winsorizer = Winsorizer().fit(trained[:, np.newaxis])
    clipped = winsorizer.transform(values[:, np.newaxis])[:, 0]
    return Outliers(
        column,
        float(first - FENCE * reach),
        float(third + FENCE * reach),
        _outside(values, first - FENCE * reach, third + FENCE * reach),
        _outside(values, first - FAR_FENCE * reach, third + FAR_FENCE * reach),
        None if z is None else float((z > ROBUST_Z).mean()),
        None if z is None else float(z.max()),
        data.rejected.get(f"{column.name}: range", 0),
        Clip(
            float(winsorizer.low_[0]),
            float(winsorizer.high_[0]),
            float((clipped != values).mean()),
            skewness(values),
            skewness(clipped),
        ),
    )


def skewness(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Third standardised moment; 0 where all values are equal."""
    return float(stats.skew(values)) if values.std() > 1e-12 * max(1.0, float(np.abs(values).max())) else 0.0


def _known(column: Column, cases: Cases) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = cases.known[column.name].dropna().to_numpy(dtype=np.float64)
    return found


def _outside(values: np.ndarray[tuple[int], np.dtype[np.float64]], low: float, high: float) -> float:
    return float(((values < low) | (values > high)).mean())
