"""Which imputation comes nearest: known values are masked, filled by each method and compared with the truth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadmill.columns import LEARNED_METHODS, TOLD_METHODS, Column, ImputeMethod
from leadmill.prepare.imputer import cold_start, fit
from leadmill.study.choice import Choice, choose
from leadmill.study.data import NUMERIC, Cases, Floats
from leadmill.study.intervals import mean_of_entities
from leadmill.training.candidates import SEED
from leadmill.training.results import Estimate

MASKED = 0.2
LIMIT = 8_000
LEAST_KNOWN = 200
# From simple to complex; the cheaper of two that err alike is to be preferred.
METHODS: tuple[ImputeMethod, ...] = ("constant", "median", "mode", "tree", "linear", "knn")
_NOT_FOR: dict[str, tuple[ImputeMethod, ...]] = {
    "bool": ("median", "linear"),
    "category": ("constant", "median", "linear"),
}


@dataclass(frozen=True)
class Masked:
    """One method's error on the masked values: the mean distance in the column's unit, or the share of wrong guesses.

    ``alone``: only that value was masked. ``in_pattern``: the columns that really go missing with it were masked too.
    """

    method: ImputeMethod
    alone: Estimate
    in_pattern: Estimate


@dataclass(frozen=True)
class Imputation:
    """A column's methods on the same masked values; ``choice`` is by the error in the real pattern."""

    column: Column
    share: float
    masked: int
    results: tuple[Masked, ...]
    choice: Choice

    @property
    def numeric(self) -> bool:
        return self.column.type in NUMERIC

    @property
    def chosen(self) -> Masked | None:
        """The method of the spec; None for 'unknown', which guesses nothing."""
        return next((one for one in self.results if one.method == self.column.impute), None)


def imputation(column: Column, cases: Cases) -> Imputation | None:
    """Every method that can fill the column, learned and judged on ``cases``.

    None where nothing is missing or fewer than LEAST_KNOWN values are known. The code that fills is the pipeline's own.
    """
    drawn = cases.drawn(LIMIT)
    missing = drawn.missing(column)
    known = np.flatnonzero(~missing)
    if not missing.any() or len(known) < LEAST_KNOWN:
        return None
    random = np.random.default_rng(SEED)
    masked = np.sort(random.permutation(known)[: int(len(known) * MASKED)])
    donors = drawn.known[~np.isin(np.arange(len(drawn)), masked)]
    alone = drawn.known.iloc[masked].copy()
    alone[column.name] = _nothing(column, len(alone))
    in_pattern = _with_pattern(column, drawn, alone, random)
    truth = drawn.known[column.name].iloc[masked]
    groups = drawn.groups[masked]
    results: list[Masked] = []
    losses: dict[str, Floats] = {}
    for method in METHODS:
        without_others = method in TOLD_METHODS and len(cases.columns) == 1
        if without_others or method in _NOT_FOR.get(column.type, ()):
            continue
        columns = [_only(other, column, method) for other in cases.columns]
        learned = fit(1, donors, columns, drawn.as_of.max()) if method in LEARNED_METHODS else cold_start()
        error = [_errors(column, truth, learned.fill(part, columns)[column.name]) for part in (alone, in_pattern)]
        losses[method] = error[1]
        results.append(Masked(method, *(mean_of_entities(one, groups) for one in error)))
    share = float(np.average(cases.missing(column), weights=cases.weight))
    return Imputation(column, share, len(masked), tuple(results), choose(losses, groups))


def _only(other: Column, column: Column, method: ImputeMethod) -> Column:
    """The target with ``method``; no other column learns anything."""
    if other.name == column.name:
        return other.model_copy(update={"impute": method})
    return other.model_copy(update={"impute": "constant"}) if other.impute in LEARNED_METHODS else other


def _with_pattern(column: Column, drawn: Cases, alone: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Each masked row also loses what a random row that really lacks the column loses."""
    examples = drawn.known[drawn.missing(column)].isna()
    chosen = examples.iloc[random.integers(0, len(examples), len(alone))]
    chosen.index = alone.index
    return alone.mask(chosen)


def _nothing(column: Column, rows: int) -> Any:
    return np.full(rows, np.nan) if column.type in NUMERIC else np.full(rows, None)


def _errors(column: Column, truth: "pd.Series[Any]", filled: "pd.Series[Any]") -> Floats:
    if column.type in NUMERIC:
        distance: Floats = np.abs(truth.to_numpy(dtype=np.float64) - filled.to_numpy(dtype=np.float64))
        return distance
    wrong: Floats = (truth.to_numpy(dtype=object) != filled.to_numpy(dtype=object)).astype(np.float64)
    return wrong
