"""Vectorised draws from tables of shares."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Strings = NDArray[np.object_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


def pick(random: np.random.Generator, shares: Mapping[Any, float], size: int) -> NDArray[Any]:
    """``size`` values of ``shares``, each as often as its share of the sum."""
    levels = np.array(list(shares), dtype=object)
    weights = np.array(list(shares.values()), dtype=float)
    return levels[random.choice(len(levels), size=size, p=weights / weights.sum())]


def pick_by(
    random: np.random.Generator, tables: Mapping[Any, Mapping[Any, float]], group: NDArray[Any]
) -> NDArray[Any]:
    """One value per row, from the table that belongs to the row's group."""
    drawn = np.empty(len(group), dtype=object)
    for key, shares in tables.items():
        rows = np.flatnonzero(group == key)
        drawn[rows] = pick(random, shares, len(rows))
    return drawn


def chance(random: np.random.Generator, shares: Mapping[str, float], group: Strings) -> Flags:
    """True with the share that belongs to the row's group."""
    return random.random(len(group)) < effect(shares, group)


def effect(table: Mapping[str, float], values: Strings) -> Floats:
    """The number that ``table`` gives for each value, 0 where it has none."""
    return np.array([table.get(value, 0.0) for value in values], dtype=float)


def yes_no(flags: Flags) -> Strings:
    """'Yes' and 'No', as the CRM writes them."""
    return np.where(flags, "Yes", "No").astype(object)
