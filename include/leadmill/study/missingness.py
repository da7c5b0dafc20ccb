"""What is missing: how much, whether it tells of the outcome, and what is missing together."""

from dataclasses import dataclass

import numpy as np

from leadmill.columns import Column
from leadmill.study.data import LEAST_SHOWN, Cases, Floats
from leadmill.study.intervals import Rate, difference, rate, z_of_many
from leadmill.training.results import Estimate

PATTERNS = 8


@dataclass(frozen=True)
class Missing:
    """A column that lacks values; ``gap`` is the conversion of rows without a value minus that of rows with one.

    Its interval is at 95 % for all columns together; ``informative`` says that it leaves zero out. ``told`` is false
    where fewer than LEAST_SHOWN entities lack the value, or have one: nothing is said of their conversion then.
    """

    column: Column
    share: float
    without: Rate
    present: Rate
    gap: Estimate

    @property
    def told(self) -> bool:
        return min(self.without.weight, self.present.weight) >= LEAST_SHOWN

    @property
    def informative(self) -> bool:
        return self.told and (self.gap.low > 0 or self.gap.high < 0)


@dataclass(frozen=True)
class Pattern:
    """Rows that lack exactly these columns."""

    columns: tuple[Column, ...]
    share: float
    rate: Rate


@dataclass(frozen=True)
class Missingness:
    """``columns`` most missing first; ``together[i, j]`` is the correlation (phi) of two columns being missing."""

    columns: tuple[Missing, ...]
    together: Floats
    patterns: tuple[Pattern, ...]
    complete: float
    other_patterns: int
    other_share: float


def missingness(cases: Cases) -> Missingness:
    """Of all features of ``cases``."""
    lacking = {column.name: cases.missing(column) for column in cases.columns}
    columns = [column for column in cases.columns if lacking[column.name].any()]
    z = z_of_many(len(columns))
    found = []
    for column in columns:
        rows = lacking[column.name]
        without, present = (rate(cases.y[part], cases.weight[part], z) for part in (rows, ~rows))
        gap = difference(without, present)
        found.append(Missing(column, float(np.average(rows, weights=cases.weight)), without, present, gap))
    found.sort(key=lambda one: -one.share)
    ordered = [one.column for one in found]
    table = np.column_stack([lacking[column.name] for column in ordered]) if ordered else np.zeros((len(cases), 0))
    patterns, complete, others, rest = _patterns(ordered, table.astype(bool), cases)
    return Missingness(tuple(found), _phi(table.astype(float)), patterns, complete, others, rest)


def _phi(table: Floats) -> Floats:
    centred = table - table.mean(axis=0)
    scale = np.sqrt(np.square(centred).sum(axis=0))
    scale[scale == 0] = np.inf
    found: Floats = (centred / scale).T @ (centred / scale)
    return found


def _patterns(
    columns: list[Column], table: np.ndarray[tuple[int, int], np.dtype[np.bool_]], cases: Cases
) -> tuple[tuple[Pattern, ...], float, int, float]:
    kinds, codes = np.unique(table, axis=0, return_inverse=True)
    codes = codes.ravel()
    shares = np.bincount(codes, weights=cases.weight) / cases.weight.sum()
    sizes = np.bincount(codes, weights=cases.weight)
    empty = [at for at in range(len(kinds)) if not kinds[at].any()]
    complete = float(shares[empty].sum())
    ranked = [int(at) for at in np.argsort(-shares, kind="stable") if kinds[at].any()]
    shown = [at for at in ranked if sizes[at] >= LEAST_SHOWN][:PATTERNS]
    found = tuple(
        Pattern(
            tuple(column for column, lacks in zip(columns, kinds[at], strict=True) if lacks),
            float(shares[at]),
            rate(cases.y[codes == at], cases.weight[codes == at]),
        )
        for at in shown
    )
    rest = [at for at in ranked if at not in shown]
    return found, complete, len(rest), float(shares[rest].sum())
