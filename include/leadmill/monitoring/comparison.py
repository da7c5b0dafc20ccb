"""Two samples as counts per bin: how different they are, and whether that may be chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, kstwobign

Counts = NDArray[np.float64]

PSI_BINS = 10
RARE_SHARE = 0.02
_HALF = 0.5


@dataclass(frozen=True)
class Difference:
    """Population stability index, the test's statistic and its p-value."""

    psi: float
    statistic: float
    p_value: float


def psi(recent: Counts, reference: Counts) -> float:
    """Sum over the bins of (a - e) ln(a / e), a and e the shares of the two samples.

    Siddiqi, Credit Risk Scorecards (2006); by its rule of thumb 0.1 is a small shift and 0.25 a large one. Half a row
    is added to each bin (Jeffreys), so that an empty one stays finite.

    >>> round(psi(np.array([50.0, 50.0]), np.array([5000.0, 5000.0])), 6)
    0.0
    """
    a, e = recent + _HALF, reference + _HALF
    a, e = a / a.sum(), e / e.sum()
    return float(((a - e) * np.log(a / e)).sum())


def numbers(recent: Counts, reference: Counts, n: float, m: float | None) -> Difference:
    """Of ordered bins: PSI over about ten of them of equal reference, and the Kolmogorov-Smirnov test.

    ``n`` and ``m`` are the sizes by which the test judges; None: the reference is no sample but given. The statistic
    is the largest distance of the distribution functions at the bins' edges, a lower bound of that of the values; its
    p-value is asymptotic (Smirnov, 1939).
    """
    distance = float(np.abs(np.cumsum(recent) / recent.sum() - np.cumsum(reference) / reference.sum()).max())
    size = n if m is None else n * m / (n + m)
    groups = _equal_groups(reference)
    coarse = psi(np.add.reduceat(recent, groups), np.add.reduceat(reference, groups))
    return Difference(coarse, distance, float(kstwobign.sf(distance * np.sqrt(size))))


def categories(recent: Counts, reference: Counts, n: float, m: float) -> Difference:
    """Of unordered bins: PSI and Pearson's chi-squared test of homogeneity, rare levels taken together.

    Rare are levels with less than RARE_SHARE of the reference (Cochran's rule wants no bin nearly empty). ``n`` and
    ``m`` are the sizes to which the counts are scaled before the test.
    """
    common = reference / reference.sum() >= RARE_SHARE
    a = np.append(recent[common], recent[~common].sum())
    e = np.append(reference[common], reference[~common].sum())
    statistic, p_value = _chi_squared(a * n / a.sum(), e * m / e.sum())
    return Difference(psi(a, e), statistic, p_value)


def shares_p_value(share: float, reference: float, n: float, m: float) -> float:
    """P-value of Pearson's chi-squared test that two shares are equal."""
    return _chi_squared(np.array([share, 1 - share]) * n, np.array([reference, 1 - reference]) * m)[1]


def _chi_squared(a: Counts, e: Counts) -> tuple[float, float]:
    table = np.vstack([a, e])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 0.0, 1.0
    found = chi2_contingency(table, correction=False)
    return float(found.statistic), float(found.pvalue)


def _equal_groups(reference: Counts) -> NDArray[np.int64]:
    """First bin of each group; a group ends where the next tenth of the reference is reached."""
    below = np.append(0.0, np.cumsum(reference)[:-1]) / reference.sum()
    tenth = np.floor(below * PSI_BINS + 1e-9)
    return np.flatnonzero(np.append(True, tenth[1:] != tenth[:-1]))
