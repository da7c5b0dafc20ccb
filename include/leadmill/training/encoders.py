"""The first half of a pipeline taken apart: how each input becomes columns of the matrix that its classifier sees."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log1p
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, StandardScaler

from leadmill.training.inputs import ModelInput
from leadmill.training.winsorizer import Winsorizer

# The column of a level or a bin that has none: all columns of its input stay 0.
NOWHERE = -1


class UnknownPart(Exception):
    """A pipeline holds a part that is not taken apart here; it has to be asked itself."""


@dataclass(frozen=True)
class Number:
    """A number, an ordinal or a flag: pulled into ``low`` to ``high``, less ``mean``, by ``scale``, into ``column``.

    With ``log`` all that is done to log(1 + value).

    Where it is there a second time, ``bins[n]`` is the column that becomes 1 for a value with n ``edges`` at or below.
    """

    name: str
    low: float
    high: float
    mean: float
    scale: float
    column: int
    edges: tuple[float, ...] = ()
    bins: tuple[int, ...] = ()
    log: bool = False

    @property
    def columns(self) -> tuple[int, ...]:
        """Every column that it fills."""
        return tuple(dict.fromkeys(at for at in (self.column, *self.bins) if at != NOWHERE))


@dataclass(frozen=True)
class Level:
    """A category: the column of each level becomes 1; rare levels share one, unseen ones go to ``otherwise``."""

    name: str
    levels: dict[str, int]
    otherwise: int

    @property
    def columns(self) -> tuple[int, ...]:
        """Every column that it fills."""
        return tuple(dict.fromkeys(at for at in (*self.levels.values(), self.otherwise) if at != NOWHERE))


Encoder = Number | Level


def encoders(preprocess: ColumnTransformer, inputs: Sequence[ModelInput]) -> tuple[Encoder, ...]:
    """One encoder per input, in their order, of a fitted ``training.preprocess.preprocessing``.

    Raises UnknownPart where it is made of anything else, or where an input goes another way than its type says.
    """
    numbers: dict[str, Number] = {}
    levels: dict[str, Level] = {}
    bins: dict[str, tuple[tuple[float, ...], tuple[int, ...]]] = {}
    for name, step, names in preprocess.transformers_:
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            raise UnknownPart("columns by number")
        at = preprocess.output_indices_[name].start
        if isinstance(step, OneHotEncoder):
            levels |= {level.name: level for level in _levels(step, names, at)}
        elif isinstance(step, Pipeline) and isinstance(step[0], KBinsDiscretizer):
            bins |= _bins(step, names, at)
        elif names:
            numbers |= {number.name: number for number in _numbers(step, names, at)}
    found: list[Encoder] = []
    for item in inputs:
        if item.name in levels:
            found.append(levels[item.name])
        elif item.name in numbers:
            edges, columns = bins.get(item.name, ((), ()))
            found.append(Number(**{**vars(numbers[item.name]), "edges": edges, "bins": columns}))
        else:
            raise UnknownPart(f"input '{item.name}'")
    if {at for one in found for at in one.columns} != set(range(width(preprocess))):
        raise UnknownPart("columns that no input fills")
    return tuple(found)


def width(preprocess: ColumnTransformer) -> int:
    """How many columns the classifier sees."""
    return int(max(part.stop for part in preprocess.output_indices_.values()))


def row(encoders: Sequence[Encoder], wide: int, values: Mapping[str, Any]) -> NDArray[np.float64]:
    """What the classifier sees of one entity: a matrix of one row, ``wide`` columns."""
    # A place more than there are columns takes what goes nowhere.
    found = [0.0] * (wide + 1)
    for one in encoders:
        value = values[one.name]
        if isinstance(one, Number):
            taken = log1p(value) if one.log else value
            found[one.column] = (min(max(taken, one.low), one.high) - one.mean) / one.scale
            if one.bins:
                found[one.bins[bisect_right(one.edges, value)]] = 1.0
        else:
            found[one.levels.get(value, one.otherwise)] = 1.0
    return np.array([found[:-1]])


def matrix(encoders: Sequence[Encoder], wide: int, columns: Mapping[str, Any]) -> NDArray[np.float64]:
    """What the classifier sees of many entities: one row each, ``wide`` columns."""
    rows = len(columns[encoders[0].name])
    found = np.zeros((rows, wide))
    for one in encoders:
        if isinstance(one, Number):
            values = as_numbers(columns[one.name])
            found[:, one.column] = scaled(one, values)
            if one.bins:
                _mark(found, np.asarray(one.bins)[binned(one, values)])
        else:
            codes, seen = as_codes(columns[one.name])
            _mark(found, np.array([one.levels.get(level, one.otherwise) for level in seen], dtype=np.int64)[codes])
    return found


def scaled(one: Number, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The column of the numbers themselves."""
    taken = np.log1p(values) if one.log else values
    return (np.clip(taken, one.low, one.high) - one.mean) / one.scale


def binned(one: Number, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of the bin of each value."""
    return np.searchsorted(one.edges, values, side="right")


def as_numbers(values: Any) -> NDArray[np.float64]:
    """Numbers or truths, from a list, from numpy or from Arrow, as float64."""
    return np.asarray(values, dtype=np.float64)


def as_codes(values: Any) -> tuple[NDArray[np.int64], list[Any]]:
    """Levels, from a list, from numpy or from Arrow: their places in a list of the different ones, and that list."""
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values, pa.Array):
        coded = values.dictionary_encode(null_encoding="encode")
        return coded.indices.to_numpy(zero_copy_only=False), coded.dictionary.to_pylist()
    seen = list(dict.fromkeys(values))
    places = {value: place for place, value in enumerate(seen)}
    return np.fromiter(map(places.__getitem__, values), dtype=np.int64, count=len(values)), seen


def _mark(found: NDArray[np.float64], columns: NDArray[np.int64]) -> None:
    rows = np.flatnonzero(columns != NOWHERE)
    found[rows, columns[rows]] = 1.0


def _numbers(step: Any, names: Sequence[str], at: int) -> list[Number]:
    ends = np.full(len(names), -np.inf), np.full(len(names), np.inf)
    parts = list(step) if isinstance(step, Pipeline) else [step]
    log = len(parts) > 1 and isinstance(parts[0], FunctionTransformer) and parts[0].func is np.log1p
    parts = parts[1:] if log else parts
    if len(parts) == 2 and isinstance(parts[0], Winsorizer):
        ends, parts = (parts[0].low_, parts[0].high_), parts[1:]
    step = parts[0] if len(parts) == 1 else step
    if isinstance(step, StandardScaler) and step.with_mean and step.with_std:
        means, scales = step.mean_, step.scale_
    elif isinstance(step, FunctionTransformer) and step.func is None:
        means, scales = np.zeros(len(names)), np.ones(len(names))
    else:
        raise UnknownPart(type(step).__name__)
    figures = zip(names, *(part.tolist() for part in (*ends, means, scales)), strict=True)
    return [
        Number(name, low, high, mean, scale, at + n, log=log)
        for n, (name, low, high, mean, scale) in enumerate(figures)
    ]


def _levels(step: OneHotEncoder, names: Sequence[str], at: int) -> list[Level]:
    found = []
    for name, columns, otherwise, stop in _one_hot(step, names, at):
        found.append(Level(name, columns, otherwise))
        at = stop
    return found


def _bins(step: Pipeline, names: Sequence[str], at: int) -> dict[str, tuple[tuple[float, ...], tuple[int, ...]]]:
    cut, code = step
    if len(step) != 2 or cut.encode != "ordinal" or not isinstance(code, OneHotEncoder):
        raise UnknownPart("bins of another kind")
    found = {}
    for (name, columns, otherwise, _), edges in zip(_one_hot(code, names, at), cut.bin_edges_, strict=True):
        inner = tuple(edges[1:-1].tolist())
        found[name] = inner, tuple(columns.get(float(n), otherwise) for n in range(len(inner) + 1))
    return found


def _one_hot(step: OneHotEncoder, names: Sequence[str], at: int) -> list[tuple[str, dict[Any, int], int, int]]:
    """Of each input the column of every level, the one of unseen levels, and the first column of the next input."""
    if step.handle_unknown != "infrequent_if_exist" or step.drop is not None:
        raise UnknownPart("one-hot columns of another kind")
    found = []
    for name, levels, rare in zip(names, step.categories_, step.infrequent_categories_, strict=True):
        grouped = [] if rare is None else rare.tolist()
        often = [level for level in levels.tolist() if level not in set(grouped)]
        columns = {level: at + n for n, level in enumerate(often)}
        stop = at + len(often) + bool(grouped)
        otherwise = stop - 1 if grouped else NOWHERE
        found.append((name, columns | dict.fromkeys(grouped, otherwise), otherwise, stop))
        at = stop
    return found
