"""Which shape of a number serves a linear model best: as it is, root, logarithm, Yeo-Johnson or quantile bins."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.preprocessing import PowerTransformer

from leadmill.columns import Column
from leadmill.study.choice import Choice, choose, log_losses, logistic_probabilities, over_folds
from leadmill.study.data import LEAST_PER_CLASS, Cases, Floats
from leadmill.study.outliers import skewness
from leadmill.training.metrics import Predictions, point
from leadmill.training.results import Folds
from leadmill.training.split import grouped_folds
from leadmill.training.winsorizer import Winsorizer

Transform = Callable[[Floats], Floats]
BINS = 10
LIMIT = 8_000


@dataclass(frozen=True)
class Transformed:
    """One transformation of a column, with figures of that column alone; ``skewness`` is None for bins."""

    name: str
    skewness: float | None
    log_loss: Folds
    roc_auc: Folds


@dataclass(frozen=True)
class Transformations:
    """A column's transformations in the order from simple to complex, compared by log loss."""

    column: Column
    rows: int
    results: tuple[Transformed, ...]
    choice: Choice


def _none(_: Floats) -> Transform:
    return lambda values: values[:, np.newaxis]


def _sqrt(_: Floats) -> Transform:
    return lambda values: (np.sign(values) * np.sqrt(np.abs(values)))[:, np.newaxis]


def _log1p(_: Floats) -> Transform:
    return lambda values: (np.sign(values) * np.log1p(np.abs(values)))[:, np.newaxis]


def _yeo_johnson(learned: Floats) -> Transform:
    # Scaled first: the search for lambda overflows on large values.
    scale = float(learned.std()) or 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        power = PowerTransformer(method="yeo-johnson").fit(learned[:, np.newaxis] / scale)
    return lambda values: np.asarray(power.transform(values[:, np.newaxis] / scale), dtype=np.float64)


def _bins(learned: Floats) -> Transform:
    edges = np.unique(np.quantile(learned, np.linspace(0, 1, BINS + 1), method="higher"))[1:-1]
    return lambda values: np.eye(len(edges) + 1)[np.searchsorted(edges, values, side="right")]


TRANSFORMS: dict[str, Callable[[Floats], Transform]] = {
    "none": _none,
    "sqrt": _sqrt,
    "log1p": _log1p,
    "Yeo-Johnson": _yeo_johnson,
    "quantile bins": _bins,
}


def transformations(column: Column, cases: Cases) -> Transformations | None:
    """Each transformation of an int or float column, judged on five grouped folds of the rows that know it.

    Values are clipped first where the spec clips them, with bounds of the fold's own training rows. None where the
    column has fewer than four values or too few rows of an outcome.
    """
    known = cases.take(np.flatnonzero(~cases.missing(column))).drawn(LIMIT)
    values = known.known[column.name].to_numpy(dtype=np.float64)
    enough = len(known) and int(np.bincount(known.y, minlength=2).min()) >= LEAST_PER_CLASS
    if not enough or len(np.unique(values)) < 4:
        return None
    folds = grouped_folds(known.y, known.groups)
    probability = {name: np.empty(len(known)) for name in TRANSFORMS}
    for train, test in folds:
        clip = _clipped(column, values[train])
        for name, learn in TRANSFORMS.items():
            transform = learn(clip(values[train]))
            x_train, x_test = scaled(transform(clip(values[train])), transform(clip(values[test])))
            probability[name][test] = logistic_probabilities(x_train, known.y[train], known.weight[train], x_test)
    losses = {name: log_losses(known.y, found, known.weight) for name, found in probability.items()}
    shaped = _clipped(column, values)(values)
    results = []
    for name, found in probability.items():
        figures = [
            point(Predictions(known.y[test], found[test], known.base_rate), known.weight[test]) for _, test in folds
        ]
        skew = None if name == "quantile bins" else skewness(TRANSFORMS[name](shaped)(shaped)[:, 0])
        results.append(Transformed(name, skew, over_folds(figures, "log_loss"), over_folds(figures, "roc_auc")))
    return Transformations(column, len(known), tuple(results), choose(losses, known.groups))


def scaled(learned: Floats, judged: Floats) -> tuple[Floats, Floats]:
    """Both by the mean and deviation of ``learned``; the columns of bins stay 0 and 1."""
    if learned.shape[1] > 1:
        return learned, judged
    centre, scale = learned.mean(), learned.std() or 1.0
    return (learned - centre) / scale, (judged - centre) / scale


def _clipped(column: Column, learned: Floats) -> Transform:
    if column.outliers != "clip":
        return lambda values: values
    winsorizer = Winsorizer().fit(learned[:, np.newaxis])
    return lambda values: winsorizer.transform(values[:, np.newaxis])[:, 0]
