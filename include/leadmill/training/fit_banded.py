"""A model of bands fitted: a classifier per edge, then a regressor per band and the interval of its answers."""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from leadmill.spec import UseCase
from leadmill.training.banded import BandedModel, Margins, Model, stretched
from leadmill.training.banded_metrics import COVERAGE
from leadmill.training.candidates import SEED, Parameters
from leadmill.training.data import Rows
from leadmill.training.edges import Array
from leadmill.training.fit_together import fit_together
from leadmill.training.fitting import CLASSIFY, PREPROCESS, fit_named
from leadmill.training.inputs import ModelInput
from leadmill.training.preprocess import preprocessing
from leadmill.training.split import grouped_folds

# An interval of a band needs so many rows that were predicted to lie in it; else those of all bands serve.
LEAST_ROWS = 50
FOLDS = 3
GRID = 201


def fit_model(
    use_case: UseCase,
    candidate: str,
    inputs: Sequence[ModelInput],
    rows: Rows,
    parameters: Parameters | None = None,
    values: bool = True,
) -> Model:
    """A candidate of the spec for its task, fitted on ``rows`` and nothing else; of bands the values too if asked."""
    if not use_case.classes:
        return fit_named(use_case, candidate, inputs, rows, parameters)
    fit = fit_banded if values else fit_classes
    return fit(use_case, candidate, inputs, rows.restricted(inputs), parameters)


def fit_classes(
    use_case: UseCase, candidate: str, inputs: Sequence[ModelInput], rows: Rows, parameters: Parameters | None = None
) -> BandedModel:
    """The classifiers only: of each edge one of ``fit_named``, of the rows above it against those below.

    With ``model.edges: together`` those of ``fit_together``, where ``label.last`` is an input.
    """
    edges = rows.known_edges
    if use_case.model.edges == "together" and use_case.label.last in {item.name for item in inputs}:
        above = fit_together(use_case, candidate, inputs, rows, parameters)
    else:
        every = range(len(edges.inner))
        above = [fit_named(use_case, candidate, inputs, rows.above(code), parameters) for code in every]
    order = np.argsort(rows.value, kind="stable")
    share = (np.cumsum(rows.weight[order]) - rows.weight[order] / 2) / rows.weight.sum()
    grid = np.interp(np.linspace(0, 1, GRID), share, rows.value[order])
    return BandedModel(edges.names, list(edges.inner), edges.lower, edges.upper, above, grid=grid.tolist())


def fit_banded(
    use_case: UseCase, candidate: str, inputs: Sequence[ModelInput], rows: Rows, parameters: Parameters | None = None
) -> BandedModel:
    """Everything, fitted on ``rows`` and nothing else.

    A regressor learns from the rows of its own band only. The margins of the intervals are quantiles of what
    predictions across entity-grouped folds of these rows were off by (split conformal prediction, Vovk et al. 2005),
    by predicted band.
    """
    model = fit_classes(use_case, candidate, inputs, rows, parameters)
    values, offset = _fit_values(use_case, inputs, rows)
    codes, off = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows))
    for taught, judged in grouped_folds(rows.y, rows.groups, FOLDS):
        part, rest = rows.take(taught), rows.take(judged)
        other = fit_classes(use_case, candidate, inputs, part, parameters)
        fold = _with_values(other, _fit_values(use_case, inputs, part), None)
        asked = fold.predict_proba(rest.x)
        codes[judged] = np.argmax(asked, axis=1)
        off[judged] = stretched(rest.value) - stretched(fold.predict_value(rest.x, asked)[:, 0])
    return _with_values(model, (values, offset), margins(codes, off, rows.weight, len(rows.known_edges.names)))


def margins(codes: NDArray[np.int64], off: Array, weight: Array, bands: int) -> Margins:
    """(bands, 2): what to add to a stretched prediction of each band, so that COVERAGE of the truth lies between."""
    found = np.empty((bands, 2))
    for code in range(bands):
        mine = codes == code
        part = mine if mine.sum() >= LEAST_ROWS else np.ones(len(codes), dtype=np.bool_)
        found[code] = _ends(off[part], weight[part])
    return found


def _ends(off: Array, weight: Array) -> tuple[float, float]:
    order = np.argsort(off, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    # One row more, of which nothing is known: the correction for how few there are.
    tail = (1 - COVERAGE) / 2 * (1 - 1 / (len(off) + 1))
    low, high = np.searchsorted(share, [tail, 1 - tail])
    sorted_off = off[order]
    return float(sorted_off[low]), float(sorted_off[min(int(high), len(off) - 1)])


def _with_values(model: BandedModel, fitted: tuple[list[Pipeline], str | None], found: Margins | None) -> BandedModel:
    model.values, model.offset = fitted
    model.margins = found
    return model


def _fit_values(use_case: UseCase, inputs: Sequence[ModelInput], rows: Rows) -> tuple[list[Pipeline], str | None]:
    """A regressor per band of the stretched value; less that of ``label.last``, where this is an input."""
    last = use_case.label.last
    offset = last if last in {item.name for item in inputs} else None
    known = stretched(rows.x[offset].to_numpy(dtype=np.float64)) if offset else np.zeros(len(rows))
    target = stretched(rows.value) - known
    found = []
    for code in range(len(rows.known_edges.names)):
        mine = np.flatnonzero(rows.y == code)
        model = Pipeline([(PREPROCESS, preprocessing(inputs)), (CLASSIFY, _regressor())])
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Feature .* is constant", UserWarning)
            model.fit(rows.x.iloc[mine], target[mine], **{f"{CLASSIFY}__sample_weight": rows.weight[mine]})
        found.append(model)
    return found, offset


def _regressor() -> HistGradientBoostingRegressor:
    # The median is what the mean absolute error asks for.
    return HistGradientBoostingRegressor(
        loss="absolute_error",
        learning_rate=0.1,
        max_iter=60,
        max_leaf_nodes=10,
        min_samples_leaf=20,
        max_features=0.5,
        # Rows of one band are few: 255 bins take twice as long for the same figures.
        max_bins=63,
        early_stopping=False,
        random_state=SEED,
    )
