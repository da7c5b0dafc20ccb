"""Stock: imputation and encoding in pandas and scikit-learn, by the same rules and with the same fitted imputers.

As its best users write it: vectorised, levels mapped by their few distinct spellings and not row by row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from leadmill.columns import OTHER_LEVEL, UNKNOWN_LEVEL, Column, slug


@dataclass(frozen=True)
class Fillers:
    """What leadmill fitted: a number, level or scikit-learn pipeline per column, and each category's known levels."""

    by_column: dict[str, Any]
    levels: dict[str, list[str]]


def imputed_and_encoded(raw: pd.DataFrame, columns: tuple[Column, ...], fillers: Fillers) -> pd.DataFrame:
    """Every feature canonical and filled, each flag after its column."""
    typed = pd.DataFrame({column.name: _typed(raw[column.name], column) for column in columns}, index=raw.index)
    coded = _coded(typed, fillers)
    found: dict[str, pd.Series] = {}
    for column in columns:
        missing = typed[column.name].isna()
        found[column.name] = _filled(typed[column.name], missing, coded, column, fillers)
        if column.has_flag:
            found[column.flag] = missing
    return pd.DataFrame(found)


def _typed(values: pd.Series, column: Column) -> pd.Series:
    if column.type == "category":
        return _mapped(values, column, column.spellings())
    if column.type == "ordered":
        ordinals: dict[str, Any] = {word: column.ordinal(level) for word, level in column.spellings().items()}
        return _mapped(values, column, ordinals).astype("float64")
    if column.type == "bool":
        return values.map({True: 1.0, False: 0.0}).astype("float64")
    return values.astype("float64")


def _mapped(values: pd.Series, column: Column, meanings: Mapping[str, Any]) -> pd.Series:
    """Each distinct spelling looked at once."""
    markers = {"", *(marker.lower() for marker in column.missing)}
    meaning: dict[str, Any] = {}
    for spelled in values.dropna().unique():
        word = spelled.strip()
        if word.lower() not in markers:
            meaning[spelled] = meanings.get(slug(word), OTHER_LEVEL) if column.levels else slug(word)
    return values.map(meaning)


def _filled(values: pd.Series, missing: pd.Series, coded: pd.DataFrame, column: Column, fillers: Fillers) -> pd.Series:
    if missing.any():
        filler = fillers.by_column.get(column.name)
        if filler is None:
            values = values.fillna(column.cold_start)
        elif column.impute in ("median", "mode"):
            values = values.fillna(filler)
        else:
            values = values.copy()
            values[missing] = _bounded(filler.predict(coded[missing].drop(columns=column.name)), column)
    kinds = {"int": "int64", "ordered": "int64", "float": "float64", "bool": "bool", "category": "object"}
    return values.astype(kinds[column.type])


def _coded(typed: pd.DataFrame, fillers: Fillers) -> pd.DataFrame:
    """What the fitted pipelines take: every level as its position, -1 for one that they have not seen."""
    positions = {
        name: typed[name].fillna(UNKNOWN_LEVEL).map({level: at for at, level in enumerate(levels)}).fillna(-1)
        for name, levels in fillers.levels.items()
    }
    return typed.assign(**positions).astype("float64")


def _bounded(predicted: Any, column: Column) -> Any:
    low = 0.0 if column.type == "ordered" else column.min
    high = len(column.levels) - 1.0 if column.type == "ordered" else column.max
    bounded = predicted.clip(low, high)
    return bounded if column.type == "float" else bounded.round()
