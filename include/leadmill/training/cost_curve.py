"""What decisions cost at every threshold, not only at the chosen one."""

from dataclasses import dataclass

import numpy as np

from leadmill.decision import Costs
from leadmill.training.data import Rows
from leadmill.training.metrics import Array

_POINTS = 40


@dataclass(frozen=True)
class CostPoint:
    """Decided positive are probabilities of ``threshold`` and above: ``share`` of the weight, so right and so complete.

    ``cost`` is the weighted mean cost of a row.
    """

    threshold: float
    share: float
    cost: float
    precision: float
    recall: float


def cost_curve(rows: Rows, probability: Array, costs: Costs) -> tuple[CostPoint, ...]:
    """At most _POINTS points from the highest probability to the lowest, their shares of the rows rising by factors.

    Where few are positive, what happens among the highest few is what matters; of equal probabilities all are decided
    alike.
    """
    order = np.argsort(-probability, kind="stable")
    sorted_p, y, weight = probability[order], rows.y[order], rows.weight[order]
    wanted = np.unique(np.geomspace(1, len(order), _POINTS).round().astype(np.int64))
    # The last of those that are equal to the wanted one.
    lasts = np.unique(np.searchsorted(-sorted_p, -sorted_p[wanted - 1], side="right")) - 1
    flagged, hits = weight.cumsum()[lasts], (weight * y).cumsum()[lasts]
    positives, total = float((weight * y).sum()), float(weight.sum())
    cost = ((flagged - hits) * costs.false_positive + (positives - hits) * costs.false_negative) / total
    found = zip(sorted_p[lasts], flagged / total, cost, hits / flagged, hits / (positives or 1.0), strict=True)
    return tuple(CostPoint(*(float(value) for value in point)) for point in found)
