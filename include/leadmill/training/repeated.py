"""Accuracy and area under the ROC curve by repeated stratified folds: for declared candidates, beside baselines."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t
from sklearn.metrics import accuracy_score, roc_auc_score

from leadmill.learning import Published
from leadmill.spec import UseCase
from leadmill.training.candidates import SEED
from leadmill.training.data import Rows
from leadmill.training.fitting import fit_named
from leadmill.training.inputs import ModelInput, model_inputs
from leadmill.training.predict import probabilities
from leadmill.training.results import FOLDS, Estimate
from leadmill.training.split import grouped_folds

REPEATS = 5
# How a baseline learns what its feature says.
_BASELINE = "logistic_regression"


@dataclass(frozen=True)
class Repeated:
    """What one model reaches at one half, and how it ranks.

    ``training_accuracy`` is of the rows that it has learned, the rest of rows that it has not: means over ``REPEATS``
    times ``FOLDS`` folds with their 95 % intervals. ``published_...`` is what somebody else has said of it.
    """

    name: str
    kind: str
    training_accuracy: float
    accuracy: Estimate
    roc_auc: Estimate
    published_training_accuracy: float | None = None
    published_accuracy: float | None = None


def repeated_figures(use_case: UseCase, chosen: str, rows: Rows) -> list[Repeated]:
    """The baselines, the declared candidates and the ``chosen`` candidate on the same folds of ``rows``.

    Empty where the spec declares neither. Folds are stratified and keep entities together; every row counts once, as
    for those who publish such figures. The classifier is the calibrated one that would serve.
    """
    model = use_case.model
    if not model.declared and not model.baselines:
        return []
    found = [
        _repeated(use_case, _BASELINE, [one for one in model_inputs(use_case) if one.feature == feature], rows)
        for feature in model.baselines
    ]
    named = [_named(one, f"{feature} alone", "baseline") for feature, one in zip(model.baselines, found, strict=True)]
    for name in dict.fromkeys((*model.declared, chosen)):
        one = _repeated(use_case, name, model_inputs(use_case, candidate=name), rows)
        named.append(_named(one, name, "declared" if name in model.declared else "chosen", use_case))
    return named


_Figures = tuple[float, Estimate, Estimate]


def _named(figures: _Figures, name: str, kind: str, use_case: UseCase | None = None) -> Repeated:
    declared = use_case.model.declared.get(name) if use_case else None
    said = declared.published if declared else Published()
    return Repeated(name, kind, *figures, said.training_accuracy, said.accuracy)


def _repeated(use_case: UseCase, candidate: str, inputs: Sequence[ModelInput], rows: Rows) -> _Figures:
    narrow = rows.restricted(inputs)
    repeats = (grouped_folds(rows.y, rows.groups, seed=SEED + repeat) for repeat in range(REPEATS))
    accuracies, areas = [], []
    for taught, judged in chain.from_iterable(repeats):
        fitted = fit_named(use_case, candidate, inputs, narrow.take(taught))
        asked = probabilities(fitted, narrow.x.iloc[judged])
        accuracies.append(_accuracy(narrow.y[judged], asked))
        areas.append(float(roc_auc_score(narrow.y[judged], asked)))
    whole = probabilities(fit_named(use_case, candidate, inputs, narrow), narrow.x)
    return _accuracy(narrow.y, whole), interval(accuracies), interval(areas)


def _accuracy(y: NDArray[np.int64], probability: NDArray[np.float64]) -> float:
    return float(accuracy_score(y, probability >= 0.5))


def interval(values: Sequence[float]) -> Estimate:
    """Mean over repeated folds with its 95 % interval.

    Folds of one repetition share most of what they learn from, so their spread alone says too little: the variance is
    the corrected one of Nadeau and Bengio (2003), 1 / n + judging rows / teaching rows times that of the values.
    """
    spread = float(np.std(values, ddof=1))
    error = spread * float(np.sqrt(1 / len(values) + 1 / (FOLDS - 1)))
    reach, mean = float(t.ppf(0.975, len(values) - 1)) * error, float(np.mean(values))
    return Estimate(mean, mean - reach, mean + reach)
