"""The reasons of many scores as JSON: what ``reasons`` says of one, built column by column."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from leadmill.columns import Column
from leadmill.scoring.points import slopes
from leadmill.scoring.reasons import MOST, OTHER, OTHER_TITLE
from leadmill.scoring.sentences import around, head, number

DECIMALS = 6
# json.dumps makes an encoder for each call.
_quoted = json.JSONEncoder(ensure_ascii=False).encode


def reasons_json(
    columns: Sequence[Column],
    values: Mapping[str, Any],
    contributions: NDArray[np.float64],
    moved: NDArray[np.float64],
    base: float,
    scale: int,
) -> pa.Array:
    """Per score a JSON list of ``feature``, ``points`` and ``sentence``, as ``reasons`` gives them for one.

    ``values`` maps each input's name to an array of as many values; ``contributions`` has a row per score and a column
    for each of ``columns``. Points have DECIMALS places, and those of the other features take up the rest.
    """
    most = _most(contributions)
    each = slopes(moved, contributions.sum(axis=1), base, scale)
    points = np.round(np.take_along_axis(contributions, most, axis=1) * each[:, None], DECIMALS) + 0.0
    rest = np.round(moved - points.sum(axis=1), DECIMALS) + 0.0
    heads, texts = _heads(columns, values, most)
    signed, exact = _said(np.vstack([points.T, rest]))
    parts: list[Any] = []
    for slot in range(most.shape[1]):
        parts += ["[" if slot == 0 else "},", texts.take(pa.array(heads[:, slot])), signed[slot], exact[slot]]
    parts += ["}," if most.shape[1] else "[", "".join(_json(OTHER, OTHER_TITLE, "")), signed[-1], exact[-1], "}]"]
    return pc.binary_join_element_wise(*parts, "")


def _most(contributions: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places of the largest of each row, largest first; of equal ones the first."""
    sizes = np.abs(contributions, order="C")
    rows, found = np.arange(len(sizes)), []
    for _ in range(min(MOST, sizes.shape[1])):
        found.append(sizes.argmax(axis=1))
        sizes[rows, found[-1]] = -1.0
    return np.stack(found, axis=1)


def _heads(
    columns: Sequence[Column], values: Mapping[str, Any], most: NDArray[np.int64]
) -> tuple[NDArray[np.int64], pa.Array]:
    """Which text each reason begins with, and the different texts: each is made once."""
    found, texts = np.empty(most.size, dtype=np.int64), list[str]()
    # Of such small numbers numpy sorts them by counting.
    order = np.argsort(most.astype(np.int16), axis=None, kind="stable")
    ends = np.searchsorted(most.ravel()[order], np.arange(len(columns) + 1))
    for column, start, stop in zip(columns, ends[:-1], ends[1:], strict=True):
        places = order[start:stop]
        rows = pa.array(places // most.shape[1])
        taken = _taken(values[column.name], rows)
        if column.type == "float":
            taken = pa.array(alike(taken.to_numpy(zero_copy_only=False)))
        coded = taken.dictionary_encode(null_encoding="encode")
        codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64) * 2
        if column.flag in values:
            codes += _taken(values[column.flag], rows).to_numpy(zero_copy_only=False).astype(bool)
        asked = np.zeros(2 * len(coded.dictionary), dtype=bool)
        asked[codes] = True
        found[places] = len(texts) + (np.cumsum(asked) - 1)[codes]
        texts += _texts(column, coded.dictionary.to_pylist(), np.flatnonzero(asked).tolist())
    return found.reshape(most.shape), pa.array(texts, pa.string())


def _texts(column: Column, seen: Sequence[Any], codes: Sequence[int]) -> list[str]:
    """What reasons with these values begin with; a code is twice the value's place in ``seen``, odd where filled."""
    if column.type not in ("int", "float"):
        return ["".join(_json(column.name, head(column, seen[code // 2], code % 2 == 1), "")) for code in codes]
    # There may be thousands of numbers: what stands around them is made once.
    sides = {
        (filled, one): _json(column.name, *around(column, filled, one))
        for filled in (False, True)
        for one in (False, True)
    }
    found = []
    for code in codes:
        value = seen[code // 2]
        before, after = sides[code % 2 == 1, value == 1]
        found.append(f"{before}{number(value)}{after}")
    return found


def alike(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers of which ``sentences.head`` says the same made one, so that it is asked once; others stay as they are.

    Sentences show three digits that say something, or whole numbers; and they tell 1 from all others. What lies near
    the middle of two shown numbers is left to them.

    >>> alike(np.array([0.12345, 2.675, 1.0001, 1234.5678])).tolist()
    [0.123, 2.675, 1.0001, 1235.0]
    """
    sizes = np.abs(numbers)
    usual = (sizes >= 1e-9) & (sizes < 1e15)
    places = 2 - np.floor(np.log10(sizes, out=np.zeros_like(sizes), where=usual))
    steps = 10.0 ** np.where(sizes >= 100, 0, places)
    scaled = numbers * steps
    nearest = np.rint(scaled)
    shown = nearest / steps
    sure = usual & (np.abs(np.abs(scaled - nearest) - 0.5) > 1e-3) & (shown != 1)
    return np.where(sure, shown, numbers)


def _json(feature: str, before: str, after: str) -> tuple[str, str]:
    """The JSON of a reason up to and with the colon after its head, in two parts between which a number may stand."""
    return f'{{"feature":"{feature}","sentence":{_quoted(before)[:-1]}', f"{_quoted(after)[1:-1]}: "


def _said(points: NDArray[np.float64]) -> tuple[list[pa.Array], list[pa.Array]]:
    """Of each row of points, what the JSON of reasons says between their head and the points, and the points."""
    coded = pa.array(np.rint(points).astype(np.int64).ravel()).dictionary_encode()
    shown = pa.array([f'{one:+d}","points":' for one in coded.dictionary.to_pylist()], pa.string())
    exact = pa.array(points.ravel()).cast(pa.string())
    rows = points.shape[1]
    slots = [slice(at * rows, (at + 1) * rows) for at in range(len(points))]
    return [shown.take(coded.indices[slot]) for slot in slots], [exact[slot] for slot in slots]


def _taken(values: Any, rows: pa.Array) -> pa.Array:
    taken = (values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)).take(rows)
    return taken.combine_chunks() if isinstance(taken, pa.ChunkedArray) else taken
