"""A model of bands: the probability of each, and within the most probable one the number itself."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from leadmill.training.edges import Array, Edges

# A pair for each band: what to add to a stretched value for the ends of its interval.
Margins = NDArray[np.float64]


class BandedModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """One calibrated classifier per edge and one regressor per band, fitted by ``training.fit_banded``.

    ``thresholds[c]`` says the probability of a band above ``c`` (Frank and Hall 2001), so the last of them is the
    classifier of the last band: an ordinary binary pipeline, which scores and reasons are of. ``values[c]`` says the
    stretched value (see :func:`stretched`) in band ``c``, less the stretched value of the input ``offset`` where there
    is one. ``margins`` widen it to an interval.
    """

    def __init__(
        self,
        names: Sequence[str],
        inner: Sequence[float],
        lower: float,
        upper: float,
        thresholds: Sequence[Pipeline],
        values: Sequence[Pipeline] = (),
        margins: Margins | None = None,
        offset: str | None = None,
        grid: Sequence[float] = (),
    ) -> None:
        self.names = names
        self.inner = inner
        self.lower = lower
        self.upper = upper
        self.thresholds = thresholds
        self.values = values
        self.margins = margins
        self.offset = offset
        self.grid = grid

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the bands, lowest first."""
        return tuple(self.names)

    @property
    def classes_(self) -> NDArray[np.object_]:
        """The same, where scikit-learn looks for them."""
        return np.array(self.classes, dtype=object)

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """Inputs in the order of the model frame."""
        found: NDArray[np.object_] = self.last.feature_names_in_
        return found

    @property
    def edges(self) -> Edges:
        """The bands."""
        return Edges(self.classes, tuple(self.inner), self.lower, self.upper)

    @property
    def last(self) -> Pipeline:
        """The classifier of the last band against all others."""
        return self.thresholds[-1]

    def predict_proba(self, x: pd.DataFrame) -> Array:
        """Probability of each band: (rows, bands), each row sums to 1."""
        with threadpool_limits(1):
            return class_probabilities(np.column_stack([one.predict_proba(x)[:, 1] for one in self.thresholds]))

    def predict(self, x: pd.DataFrame) -> NDArray[np.object_]:
        """Name of the most probable band."""
        found: NDArray[np.object_] = self.classes_[np.argmax(self.predict_proba(x), axis=1)]
        return found

    def predict_value(self, x: pd.DataFrame, probabilities: Array) -> Array:
        """Value, low and high: (rows, 3), in the label's unit.

        The value is that of the most probable band's regressor, pulled into the band. 80 % of what comes true lies in
        the interval, whatever band that is in, so it may reach beyond the band.
        """
        codes = np.argmax(probabilities, axis=1)
        found = np.zeros(len(x))
        with threadpool_limits(1):
            for code in np.unique(codes):
                rows = codes == code
                found[rows] = self.values[code].predict(x[rows])
        if self.offset is not None:
            found += stretched(x[self.offset].to_numpy(dtype=np.float64))
        return self.intervals(found, codes)

    def intervals(self, found: Array, codes: NDArray[np.int64]) -> Array:
        """Value, low and high, (rows, 3), of the stretched values that the regressors of the bands ``codes`` gave."""
        value = self.edges.clipped(np.sinh(found), codes)
        if self.margins is None:
            return np.column_stack([value, value, value])
        ends = stretched(value)[:, np.newaxis] + np.asarray(self.margins)[codes]
        return np.column_stack([value, np.maximum(np.sinh(ends[:, 0]), self.lower), np.sinh(ends[:, 1])])

    def probabilities_in(self, edges: Edges, probabilities: Array) -> Array:
        """Own probabilities as those of other bands: (rows, other bands).

        Within a band the probability is spread as the labels of the training rows are (``grid``, their quantiles).
        """
        if tuple(edges.inner) == tuple(self.inner):
            return probabilities
        own, grid = np.asarray(self.inner), np.asarray(self.grid)
        shares = np.linspace(0.0, 1.0, len(grid))
        at_own = np.r_[0.0, np.interp(own, grid, shares), 1.0]
        wanted = np.interp(np.asarray(edges.inner), grid, shares)
        below = np.column_stack([np.zeros(len(probabilities)), np.cumsum(probabilities, axis=1)])
        band = np.clip(np.searchsorted(at_own, wanted, side="right") - 1, 0, len(own))
        part = (wanted - at_own[band]) / np.maximum(at_own[band + 1] - at_own[band], 1e-12)
        at_wanted = below[:, band] + part * probabilities[:, band]
        ends = np.column_stack([np.zeros(len(below)), at_wanted, np.ones(len(below))])
        return np.clip(np.diff(ends, axis=1), 0.0, 1.0)


Model: TypeAlias = Pipeline | BandedModel


def scored_model(model: Model) -> Pipeline:
    """The pipeline whose probability is the score: of a model of bands that of the last band."""
    return model.last if isinstance(model, BandedModel) else model


def class_probabilities(above: Array) -> Array:
    """Probability of each band, (rows, bands), from that of each higher one: (rows, bands - 1).

    Classifiers that do not know of each other may call a higher band more probable than a lower one and it together:
    then the lower answer is raised, so that of the last band stays what its classifier says.

    >>> class_probabilities(np.array([[0.75, 0.25], [0.25, 0.5]])).tolist()
    [[0.25, 0.5, 0.25], [0.5, 0.0, 0.5]]
    """
    falling = np.maximum.accumulate(above[:, ::-1], axis=1)[:, ::-1]
    ends = np.column_stack([np.ones(len(above)), falling, np.zeros(len(above))])
    found: Array = -np.diff(ends, axis=1)
    return found


def stretched(values: Array) -> Array:
    """Like a logarithm far from 0 and like the number itself near it; ``numpy.sinh`` is the way back.

    >>> float(np.round(np.sinh(stretched(np.array([-250.0]))), 9)[0])
    -250.0
    """
    found: Array = np.arcsinh(values)
    return found
