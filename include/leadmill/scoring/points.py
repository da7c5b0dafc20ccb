"""From contributions in log-odds to score points.

With f0 the log-odds of the base, c_i the contributions and C their sum, the score is s(f0 + C), where s is the scale
times the logistic function. Point i is c_i (s(f0 + C) - s(f0)) / C: every contribution times the same slope, the mean
slope of s between the base and the score. That is the integral of the gradient of s along the straight line from no
contribution to all of them (integrated gradients: Sundararajan, Taly and Yan 2017, equation 1; the Aumann-Shapley value
of game theory), so the points add up to the score less the base. As C goes to 0 the mean slope goes to the slope at the
base, s'(f0), and that is taken where C is too small to divide by.
"""

import math

import numpy as np
from numpy.typing import NDArray

NEAR = 1e-6


def logistic(log_odds: float) -> float:
    """Probability of these log-odds.

    >>> logistic(0.0)
    0.5
    """
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1 + odds)


def slope(moved: float, total: float, base: float, scale: int) -> float:
    """Points of one unit of log-odds, where contributions of ``total`` moved the score by ``moved`` from ``base``.

    ``base`` is the probability without contributions, ``moved`` is in points.
    """
    return moved / total if abs(total) > NEAR else scale * base * (1 - base)


def slopes(moved: NDArray[np.float64], total: NDArray[np.float64], base: float, scale: int) -> NDArray[np.float64]:
    """:func:`slope` of each of many scores."""
    far = np.abs(total) > NEAR
    found = np.full(len(total), scale * base * (1 - base))
    np.divide(moved, total, out=found, where=far)
    return found
