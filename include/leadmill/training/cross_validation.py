"""Every candidate on grouped, stratified folds of the training rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leadmill.spec import UseCase
from leadmill.training.answers import answered
from leadmill.training.candidates import Parameters
from leadmill.training.data import Rows
from leadmill.training.fit_banded import fit_model
from leadmill.training.inputs import ModelInput, model_inputs
from leadmill.training.metrics import LOWER_IS_BETTER, point
from leadmill.training.results import CrossValidation, Folds
from leadmill.training.split import grouped_folds

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Positions of the rows that teach and of those that judge."""


def cross_validate(
    use_case: UseCase, candidate: str, rows: Rows, parameters: Parameters | None = None
) -> CrossValidation:
    """Mean and standard deviation of every metric, with all inputs and for each variant of the spec.

    ``rows`` are the training rows with all inputs. Each fold's model, its preprocessing and its calibration see the
    other folds only. ``parameters`` as in ``fit_candidate``.
    """
    variants = {
        name: _over_folds(use_case, candidate, inputs, rows, parameters)
        for name, left_out in use_case.model.variants.items()
        if (inputs := model_inputs(use_case, left_out, candidate))
    }
    whole = _over_folds(use_case, candidate, model_inputs(use_case, candidate=candidate), rows, parameters)
    return CrossValidation(candidate, whole, variants)


def fold_figures(
    use_case: UseCase,
    candidate: str,
    inputs: Sequence[ModelInput],
    rows: Rows,
    fold: Fold,
    parameters: Parameters | None,
) -> dict[str, float]:
    """Every metric on the judging side of ``fold``, of a model fitted on its teaching side."""
    learned, judged = (rows.take(side) for side in fold)
    model = fit_model(use_case, candidate, inputs, learned, parameters, values=False)
    return point(answered(model, judged, learned.base_rate), judged.weight)


def best_candidate(use_case: UseCase, found: Sequence[CrossValidation]) -> str:
    """The candidate that ``model.choice`` names, of ``found`` from simple to complex.

    ``one_standard_error``: the first whose mean of the spec's metric is within one standard error (over the folds) of
    the best one's (Breiman et al. 1984). ``best``: the best one, the simpler where two are equal.
    """
    metric = use_case.model.metric
    sign = -1 if metric in LOWER_IS_BETTER else 1
    best = max(found, key=lambda result: sign * result.metrics[metric].mean)
    if use_case.model.choice == "best":
        return best.candidate
    least = sign * best.metrics[metric].mean - best.metrics[metric].error
    return next(result.candidate for result in found if sign * result.metrics[metric].mean >= least)


def leak_alarm(use_case: UseCase, found: Sequence[CrossValidation]) -> str | None:
    """A warning when a ROC AUC, or the macro F1 of bands, is too good to be true, else None."""
    limit = use_case.model.leak_alarm
    metric, words = ("macro_f1", "macro F1") if use_case.classes else ("roc_auc", "ROC AUC")
    for result in found:
        reached = result.metrics[metric].mean
        if reached >= limit:
            return (
                f"{result.candidate} reaches a cross-validated {words} of {reached:.3f}, at or above "
                f"model.leak_alarm ({limit:g}): an input probably knows the outcome"
            )
    return None


def _over_folds(
    use_case: UseCase, candidate: str, inputs: Sequence[ModelInput], rows: Rows, parameters: Parameters | None
) -> dict[str, Folds]:
    narrow = rows.restricted(inputs)
    found = [
        fold_figures(use_case, candidate, inputs, narrow, fold, parameters)
        for fold in grouped_folds(narrow.y, narrow.groups)
    ]
    return {
        name: Folds(float(np.mean(values)), float(np.std(values)))
        for name in found[0]
        for values in [[fold[name] for fold in found]]
    }
