"""95 % intervals in closed form, for figures that are counted in SQL and not resampled."""

import math

from scipy.special import expit

Interval = tuple[float, float]

_Z = 1.959964


def share(positives: float, n: float) -> Interval | None:
    """Wilson's score interval of a share (Wilson, 1927); None of nothing.

    >>> [round(end, 4) for end in share(1, 10)]
    [0.0179, 0.4042]
    """
    if n <= 0:
        return None
    p, z2 = positives / n, _Z * _Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def roc_auc(area: float, positives: float, negatives: float) -> Interval | None:
    """By the standard error of Hanley and McNeil (1982); None where a class is absent."""
    if positives < 1 or negatives < 1:
        return None
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    spread = area * (1 - area) + (positives - 1) * (q1 - area * area) + (negatives - 1) * (q2 - area * area)
    half = _Z * math.sqrt(max(spread, 0.0) / (positives * negatives))
    return max(0.0, area - half), min(1.0, area + half)


def pr_auc(area: float, positives: float) -> Interval | None:
    """The logit interval of Boyd, Eng and Page (2013); None where it is not defined."""
    if positives < 1 or not 0 < area < 1:
        return None
    centre = math.log(area / (1 - area))
    half = _Z / math.sqrt(positives * area * (1 - area))
    return float(expit(centre - half)), float(expit(centre + half))


def mean(value: float, deviation: float, n: float) -> Interval | None:
    """Normal interval of a mean; None where there is no deviation to judge by."""
    if n < 2:
        return None
    half = _Z * deviation / math.sqrt(n)
    return value - half, value + half
