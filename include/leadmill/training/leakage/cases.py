"""Training rows as the scan looks at them, and the groups into which a column's values fall."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadmill.columns import Column
from leadmill.spec import UseCase
from leadmill.training.banded import stretched
from leadmill.training.data import LABEL, WEIGHT, oversampling
from leadmill.training.inputs import NUMBERS
from leadmill.training.known import known_values

BINS = 20
_Z = 1.959964


@dataclass(frozen=True)
class Cases:
    """Aligned known values (missing where they were filled), labels, weights and entities of training rows.

    An entity's weights sum to at most one, so a sum of weights counts entities. ``oversampled`` is how many times too
    high the odds of a positive are among the rows (``model.prior``).
    """

    known: pd.DataFrame
    y: NDArray[np.int64]
    weight: NDArray[np.float64]
    groups: NDArray[np.int64]
    oversampled: float = 1.0

    @property
    def base_rate(self) -> float:
        """True share of positives."""
        return self.true_share(float(np.average(self.y, weights=self.weight)), 1)

    def true_share(self, share: float, label: int) -> float:
        """What a share of the class ``label`` among the rows is among all that there are.

        >>> rows = Cases(pd.DataFrame(), np.empty(0, int), np.empty(0), np.empty(0, int), oversampled=9.0)
        >>> round(rows.true_share(0.9, 1), 3), round(rows.true_share(0.1, 0), 3)
        (0.5, 0.5)
        """
        odds = self.oversampled if label == 0 else 1 / self.oversampled
        return share * odds / (share * odds + 1 - share)

    def last_of_each(self) -> "Cases":
        """The last row of each entity, weighing one: rows are in the order of time."""
        last = ~pd.Series(self.groups).duplicated(keep="last").to_numpy()
        return Cases(self.known[last], self.y[last], np.ones(int(last.sum())), self.groups[last], self.oversampled)


def cases_of(use_case: UseCase, frame: pd.DataFrame) -> Cases:
    """The rows of a training frame with every input of the use case's models.

    Where the label is a number, ``y`` is whether it rose above ``label.last`` by more than most did: honest features
    know how large an entity is, so nearly all of next month too, but not where it goes from there. Rows that stayed as
    they were are left out.
    """
    ordered = frame.reset_index(drop=True)
    if use_case.classes:
        moved = rise(use_case, ordered)
        ordered = ordered[moved != 0.0].reset_index(drop=True)
        moved = moved[moved != 0.0]
        y = (moved > np.median(moved)).astype(np.int64) if len(moved) else np.empty(0, dtype=np.int64)
    else:
        y = ordered[LABEL].to_numpy(dtype=np.int64)
    weight = ordered[WEIGHT].to_numpy(dtype=np.float64)
    return Cases(
        pd.DataFrame({column.name: known_values(ordered, column) for column in use_case.inputs}),
        y,
        weight,
        pd.factorize(ordered[use_case.entity.key])[0].astype(np.int64),
        oversampling(use_case.model.prior, y, weight),
    )


def rise(use_case: UseCase, frame: pd.DataFrame) -> NDArray[np.float64]:
    """The stretched label of each row less the stretched ``label.last``, where one is named."""
    found = stretched(frame[LABEL].to_numpy(dtype=np.float64))
    last = use_case.label.last
    return found - stretched(frame[last].to_numpy(dtype=np.float64)) if last else found


def beside_last(use_case: UseCase, cases: Cases) -> Cases:
    """The same with every number beside ``label.last``: what a feature that holds the label itself is betrayed by."""
    known = cases.known.copy()
    last = stretched(known[use_case.label.last].to_numpy(dtype=np.float64))
    for column in use_case.inputs:
        if column.type in ("int", "float"):
            known[column.name] = stretched(known[column.name].to_numpy(dtype=np.float64)) - last
    return replace(cases, known=known)


def grouped(values: "pd.Series[float] | pd.Series[str]", column: Column) -> tuple[NDArray[np.int64], list[str]]:
    """Number of each row's group and what each group is: levels, or at most BINS quantile bins; missing is a group."""
    found = values
    if column.type in NUMBERS and values.nunique() > BINS:
        found = pd.qcut(values, BINS, duplicates="drop")
    codes, levels = pd.factorize(found, use_na_sentinel=True)
    named = [str(level) for level in levels]
    if (codes < 0).any():
        codes = np.where(codes < 0, len(named), codes)
        named.append("missing")
    return codes.astype(np.int64), named


def wilson(share: float, size: float) -> tuple[float, float]:
    """95 % interval of a share among ``size`` independent cases (Wilson 1927); 0 to 1 where there are none.

    >>> [round(end, 3) for end in wilson(0.5, 100)]
    [0.404, 0.596]
    """
    if size <= 0:
        return 0.0, 1.0
    centre = share + _Z**2 / (2 * size)
    spread = _Z * math.sqrt(share * (1 - share) / size + _Z**2 / (4 * size**2))
    whole = 1 + _Z**2 / size
    return max(0.0, (centre - spread) / whole), min(1.0, (centre + spread) / whole)
