"""From which share of the rows a level deserves a column of its own: rarer ones are grouped by the models."""

from dataclasses import dataclass

import numpy as np

from leadmill.columns import Column
from leadmill.spec import UseCase
from leadmill.study.categories import level_names
from leadmill.study.choice import Choice, choose, log_losses, logistic_probabilities, over_folds
from leadmill.study.data import Cases
from leadmill.training.data import rows_of
from leadmill.training.inputs import model_inputs
from leadmill.training.metrics import Predictions, point
from leadmill.training.preprocess import RARE_SHARE, preprocessing
from leadmill.training.results import Folds
from leadmill.training.split import grouped_folds

THRESHOLDS = (0.10, 0.05, 0.02, RARE_SHARE, 0.005, 0.0)


@dataclass(frozen=True)
class Threshold:
    """A logistic regression on all inputs with levels under ``share`` grouped; ``encoded`` counts its columns."""

    share: float
    encoded: int
    log_loss: Folds
    metric: Folds


@dataclass(frozen=True)
class RareLevels:
    """How many levels of a category each threshold would group, and which share of the rows they hold."""

    column: Column
    levels: int
    grouped: dict[float, int]
    rows: dict[float, float]


@dataclass(frozen=True)
class RareCategories:
    """``results`` from the coarsest to the finest; ``choice`` names thresholds by :func:`named`."""

    results: tuple[Threshold, ...]
    choice: Choice
    columns: tuple[RareLevels, ...]

    @property
    def recommended(self) -> float:
        return next(one.share for one in self.results if named(one.share) == self.choice.recommended)


def named(share: float) -> str:
    """A threshold as people read it.

    >>> named(0.005), named(0.0)
    ('0.5 %', 'none')
    """
    return f"{share * 100:g} %" if share else "none"


def rare_categories(use_case: UseCase, cases: Cases) -> RareCategories | None:
    """Judged on five grouped folds of ``cases``; None where no input is a category."""
    inputs = model_inputs(use_case)
    if not any(item.type == "category" for item in inputs):
        return None
    rows = rows_of(use_case, cases.filled, inputs)
    folds = grouped_folds(rows.y, rows.groups)
    losses, results = {}, []
    for share in THRESHOLDS:
        probability, encoded, figures = np.empty(len(rows)), [], []
        for train, test in folds:
            encode = preprocessing(inputs).set_params(level__min_frequency=share or None)
            x_train = encode.fit_transform(rows.x.iloc[train])
            probability[test] = logistic_probabilities(
                x_train, rows.y[train], rows.weight[train], encode.transform(rows.x.iloc[test])
            )
            encoded.append(x_train.shape[1])
            figures.append(point(Predictions(rows.y[test], probability[test], rows.base_rate), rows.weight[test]))
        losses[named(share)] = log_losses(rows.y, probability, rows.weight)
        metric = use_case.model.metric
        results.append(
            Threshold(
                share, round(float(np.mean(encoded))), *(over_folds(figures, name) for name in ("log_loss", metric))
            )
        )
    columns = [column for column in use_case.inputs if column.type == "category"]
    return RareCategories(
        tuple(results), choose(losses, rows.groups), tuple(_rare_levels(column, cases) for column in columns)
    )


def _rare_levels(column: Column, cases: Cases) -> RareLevels:
    values = level_names(column, cases)
    known = values[values != ""].astype(str)
    shares = np.unique(known, return_counts=True)[1] / max(len(cases), 1)
    return RareLevels(
        column,
        len(shares),
        {share: int((shares < share).sum()) for share in THRESHOLDS},
        {share: float(shares[shares < share].sum()) for share in THRESHOLDS},
    )
