"""Choosing among options that were judged on the same rows: the simplest that is not measurably worse than the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from leadmill.study.data import Floats, Ints
from leadmill.study.intervals import mean_of_entities
from leadmill.training.candidates import BUILDERS
from leadmill.training.results import Estimate, Folds

_TINY = 1e-15


@dataclass(frozen=True)
class Choice:
    """``behind`` is each option's mean loss minus the best one's, with its paired 95 % interval."""

    best: str
    recommended: str
    behind: dict[str, Estimate]


def choose(losses: Mapping[str, Floats], groups: Ints) -> Choice:
    """Among options in the order of preference, with a loss per row each (the same rows, lower is better)."""
    best = min(losses, key=lambda name: float(losses[name].mean()))
    behind = {name: mean_of_entities(loss - losses[best], groups) for name, loss in losses.items()}
    recommended = next(name for name in losses if name == best or behind[name].low <= 0)
    return Choice(best, recommended, behind)


def log_losses(y: Ints, probability: Floats, weight: Floats) -> Floats:
    """Each row's log loss times its share of the weight, so that the mean is the weighted log loss."""
    p = np.clip(probability, _TINY, 1 - _TINY)
    found: Floats = -(y * np.log(p) + (1 - y) * np.log1p(-p)) * weight / weight.mean()
    return found


def logistic_probabilities(x_train: Floats, y: Ints, weight: Floats, x_test: Floats) -> Floats:
    """Probabilities of a logistic regression, of columns that are scaled already."""
    model = BUILDERS["logistic_regression"]().fit(x_train, y, sample_weight=weight)
    found: Floats = model.predict_proba(x_test)[:, 1]
    return found


def over_folds(figures: Sequence[Mapping[str, float]], name: str) -> Folds:
    """Mean and standard deviation of one figure."""
    values = [one[name] for one in figures]
    return Folds(float(np.mean(values)), float(np.std(values)))
