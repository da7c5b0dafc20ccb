"""From probabilities to yes or no: the threshold at which declared costs are least, and what decisions at it cost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadmill.decision import Costs
from leadmill.spec import UseCase
from leadmill.training.candidates import Parameters
from leadmill.training.data import Rows
from leadmill.training.fitting import fit_named
from leadmill.training.inputs import model_inputs
from leadmill.training.metrics import Array, Predictions, point
from leadmill.training.predict import probabilities
from leadmill.training.split import grouped_folds


@dataclass(frozen=True)
class Outcomes:
    """What decisions at a threshold came to on some rows: how many of each kind, and the weighted mean cost of a row.

    Beside it the cost where everybody is decided positive, and where nobody is. Precision, recall, F1 and MCC count the
    rows' weights too, so of rebalanced rows they are those of the true share.
    """

    rows: int
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    cost: float
    all_positive: float
    all_negative: float
    precision: float
    recall: float
    f1: float
    mcc: float


def cheapest(y: NDArray[np.int64], probability: Array, weight: Array, costs: Costs) -> float:
    """The threshold, from which on a probability is decided positive, whose weighted cost on these rows is least.

    Asked are the middles between neighbouring probabilities, and both ends; of equally cheap ones it is the nearest to
    ``costs.even``, where the cost of calibrated probabilities is least.

    >>> y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.7, 0.9])
    >>> cheapest(y, p, np.ones(4), Costs(false_positive=1, false_negative=1))
    0.5
    """
    order = np.argsort(probability, kind="stable")
    levels, starts = np.unique(probability[order], return_index=True)
    cuts = np.concatenate([[0.0], (levels[:-1] + levels[1:]) / 2, [(levels[-1] + 1) / 2]])
    wrong = weight[order] * np.where(y[order] == 1, costs.false_negative, costs.false_positive)
    missed = np.concatenate([[0.0], np.cumsum(wrong * (y[order] == 1))])
    taken = np.concatenate([[0.0], np.cumsum(wrong * (y[order] == 0))])
    # Below a cut lie the rows before its place in the order.
    below = np.concatenate([starts, [len(order)]])
    cost = missed[below] + taken[-1] - taken[below]
    best = np.flatnonzero(np.isclose(cost, cost.min(), rtol=1e-12, atol=0))
    return float(cuts[best[np.argmin(np.abs(cuts[best] - costs.even))]])


def outcomes(rows: Rows, probability: Array, threshold: float, costs: Costs) -> Outcomes:
    """What decisions at ``threshold`` come to on ``rows``."""
    flagged, positive = probability >= threshold, rows.y == 1
    wrong = np.where(positive, costs.false_negative, costs.false_positive)

    def cost(decided: NDArray[np.bool_]) -> float:
        return float(np.average(wrong * (decided != positive), weights=rows.weight))

    found = point(Predictions(rows.y, probability, threshold), rows.weight)
    return Outcomes(
        rows=len(rows),
        true_positives=int((flagged & positive).sum()),
        false_positives=int((flagged & ~positive).sum()),
        false_negatives=int((~flagged & positive).sum()),
        true_negatives=int((~flagged & ~positive).sum()),
        cost=cost(flagged),
        all_positive=cost(np.ones(len(rows), dtype=np.bool_)),
        all_negative=cost(np.zeros(len(rows), dtype=np.bool_)),
        precision=found["precision"],
        recall=found["recall"],
        f1=found["f1"],
        mcc=found["mcc"],
    )


def out_of_fold(use_case: UseCase, candidate: str, rows: Rows, parameters: Parameters | None = None) -> Array:
    """Probability of each row by a model of that candidate that has learned from the other folds of ``rows`` only."""
    inputs = model_inputs(use_case, candidate=candidate)
    found = np.empty(len(rows))
    for taught, judged in grouped_folds(rows.y, rows.groups):
        model = fit_named(use_case, candidate, inputs, rows.take(taught), parameters)
        found[judged] = probabilities(model, rows.restricted(inputs).x.iloc[judged])
    return found
