"""What categories, ordered levels and yes-or-no columns hold, and how often each level converts."""

from dataclasses import dataclass

import numpy as np

from leadmill.columns import Column
from leadmill.study.data import LEAST_SHOWN, Cases
from leadmill.study.intervals import Rate, rate

SHOWN_LEVELS = 12


@dataclass(frozen=True)
class Level:
    """One level, or several together, with its share of all rows and its conversion."""

    name: str
    share: float
    rate: Rate


@dataclass(frozen=True)
class Categories:
    """Levels by share (ordered ones by order): the greatest, then the rest together, then what is missing.

    ``left_out`` levels hold fewer than LEAST_SHOWN entities together; nothing more is said of them.
    """

    column: Column
    levels: tuple[Level, ...]
    distinct: int
    left_out: int

    @property
    def widest(self) -> tuple[Level, Level] | None:
        """The two levels (low, high) whose intervals lie farthest apart; None where all touch."""
        pairs = [(a, b) for a in self.levels for b in self.levels if a.rate.high < b.rate.low]
        return max(pairs, key=lambda pair: pair[1].rate.low - pair[0].rate.high, default=None)


def categories(column: Column, cases: Cases) -> Categories:
    """The levels of a category, ordered or bool column of ``cases``."""
    missing = cases.missing(column)
    values = level_names(column, cases)
    total = float(cases.weight.sum())
    weights = {name: float(cases.weight[values == name].sum()) for name in np.unique(values[~missing]).tolist()}
    if column.type == "category":
        ranked = sorted(weights, key=lambda name: (-weights[name], name))
    else:
        ranked = [name for name in _declared(column) if name in weights]
    shown = [name for name in ranked if weights[name] >= LEAST_SHOWN]
    shown = shown[:SHOWN_LEVELS] if column.type == "category" else shown
    rest = [name for name in ranked if name not in shown]

    def level(name: str, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Level:
        return Level(name, float(cases.weight[rows].sum()) / total, rate(cases.y[rows], cases.weight[rows]))

    found = [level(name, values == name) for name in shown]
    told = sum(weights[name] for name in rest) >= LEAST_SHOWN
    if told:
        found.append(level(f"{len(rest)} more levels" if len(rest) > 1 else "1 more level", np.isin(values, rest)))
    if cases.weight[missing].sum() >= LEAST_SHOWN:
        found.append(level("(missing)", missing))
    return Categories(column, tuple(found), len(weights), 0 if told else len(rest))


def level_names(column: Column, cases: Cases) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """Each row's level as text: ordinals as their levels, true and false as yes and no, missing as an empty text."""
    known = cases.known[column.name]
    if column.type == "ordered":
        said = known.map(lambda ordinal: "" if np.isnan(ordinal) else column.levels[int(ordinal)])
    elif column.type == "bool":
        said = known.map(lambda truth: "" if truth is None else "yes" if truth else "no")
    else:
        said = known.map(lambda level: "" if level is None else str(level))
    return said.to_numpy(dtype=object)


def _declared(column: Column) -> tuple[str, ...]:
    return column.levels if column.type == "ordered" else ("no", "yes")
