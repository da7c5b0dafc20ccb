"""One version of the imputers of a use case: fitted on earlier rows, blind to the label, kept in skops format."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from math import inf
from typing import TYPE_CHECKING, Any

from leadmill.columns import LEARNED_METHODS, TOLD_METHODS, UNKNOWN_LEVEL, Column
from leadmill.storage import skops_format

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MAX_DONORS = 20_000
_NEIGHBOURS = 15
# Each row that is filled meets each of them.
_MOST_TO_COMPARE = 5_000
_TREE = {"max_depth": 8, "min_samples_leaf": 20, "random_state": 7}
# skops loads what it knows to be harmless, and these. A hostile Tree could crash the process: artifacts come from
# our own database only, which holds every other input of the pipeline too.
_TRUSTED = ["numpy.dtype", "sklearn.tree._tree.Tree"]


@dataclass(frozen=True)
class Imputer:
    """Version 0 holds the spec's constants; later ones a filler per learned column, fitted through a time.

    ``rows`` is how many rows there were when it was fitted; it learned from the newest MAX_DONORS of them at most.
    ``levels`` are the spellings of each category among those: fillers take a level as its position. ``terms`` are those
    of the spec then, by column; a filler that was made on other terms than today's is not used.
    """

    version: int
    fitted_through: datetime | None
    rows: int
    fillers: dict[str, Any]
    levels: dict[str, list[str]] = field(default_factory=dict)
    terms: dict[str, list[str]] = field(default_factory=dict)

    def fits(self, columns: Sequence[Column]) -> bool:
        """Whether no filler for one of ``columns`` was made on other terms."""
        return all(self._usable(column, columns) for column in columns if column.name in self.terms)

    def _usable(self, column: Column, columns: Sequence[Column]) -> bool:
        if column.impute not in LEARNED_METHODS:
            return True
        types = {one.name: one.type for one in columns}
        same = self.terms.get(column.name, _terms(column)) == _terms(column)
        # What is told from the others needs all that there were.
        return same and (
            column.impute not in TOLD_METHODS or all(types.get(name) == terms[0] for name, terms in self.terms.items())
        )

    def fill(self, frame: "pd.DataFrame", columns: Sequence[Column]) -> "pd.DataFrame":
        """What :meth:`fill_table` makes of the frame's columns, NaN and None being gaps; its index."""
        import pandas as pd
        import pyarrow as pa

        given = {column.name: pa.array(frame[column.name], from_pandas=True) for column in columns}
        filled = self.fill_table(pa.table(given), columns)
        series = {name: filled[name].to_pandas() for name in filled.column_names}
        gaps = {name: series[name].astype(object) for name in series if filled[name].null_count}
        return pd.DataFrame(series | gaps).set_axis(frame.index)

    def fill_table(self, rows: "pa.Table", columns: Sequence[Column]) -> "pa.Table":
        """``columns`` of ``rows``, every missing value filled in its own unit and ``<column>_missing`` flags added."""
        import pyarrow as pa
        import pyarrow.compute as pc

        given = _typed(rows, columns)
        fillers = {
            column.name: self.fillers[column.name]
            for column in columns
            if column.name in self.fillers and column.impute in LEARNED_METHODS and self._usable(column, columns)
        }
        predicted = self._predicted(given, columns, fillers)
        found = {}
        for column in columns:
            values = given[column.name]
            missing = values.is_null()
            # A gap that may not be there stays one: the second check refuses the row.
            if not values.null_count or column.impute == "none":
                found[column.name] = values
            elif column.name in predicted:
                filling = _known(pa.array(predicted[column.name]).cast(values.type, safe=False), column)
                found[column.name] = pc.replace_with_mask(values, missing, filling)
            else:
                told = _today(fillers[column.name], column) if column.name in fillers else column.cold_start
                filling = pa.scalar(told)
                found[column.name] = values.fill_null(filling.cast(values.type, safe=False))
            if column.has_flag:
                found[column.flag] = missing
        return pa.table(found)

    def _predicted(
        self, given: "dict[str, pa.Array]", columns: Sequence[Column], fillers: dict[str, Any]
    ) -> dict[str, Any]:
        """What fills the gaps of each column that is told from the others, in the order of its gaps."""
        import numpy as np

        asked = {
            column.name: given[column.name].is_null().to_numpy(zero_copy_only=False)
            for column in columns
            if column.name in fillers and column.impute in TOLD_METHODS and given[column.name].null_count
        }
        if not asked:
            return {}
        rows = np.flatnonzero(np.logical_or.reduce(list(asked.values())))
        known = _coded({name: values.take(rows) for name, values in given.items()}, columns, self.levels)
        found = {}
        with one_thread():
            for column in columns:
                if column.name in asked:
                    others = known[asked[column.name][rows]].drop(columns=column.name)
                    found[column.name] = _bounded(fillers[column.name].predict(others), column)
        return found


def cold_start() -> Imputer:
    """Version 0: the constants that the spec declares."""
    return Imputer(0, None, 0, {})


def fit(version: int, donors: "pd.DataFrame", columns: Sequence[Column], fitted_through: datetime) -> Imputer:
    """Learn a filler for each learned column from ``donors``: typed rows before filling, newest last.

    ``donors`` holds the feature columns and never the label. A column that no donor has keeps its constant.
    """
    import pyarrow as pa

    newest = donors.tail(MAX_DONORS)
    levels = {
        column.name: sorted({UNKNOWN_LEVEL, *newest[column.name].dropna()})
        for column in columns
        if column.type == "category"
    }
    given = {column.name: pa.array(newest[column.name], from_pandas=True) for column in columns}
    coded = _coded(_typed(pa.table(given), columns), columns, levels)
    fillers = {}
    with one_thread():
        for column in columns:
            present = newest[column.name].notna().to_numpy()
            if column.impute in LEARNED_METHODS and present.any():
                fillers[column.name] = _fit_column(newest.loc[present, column.name], coded[present], column, columns)
    terms = {column.name: _terms(column) for column in columns}
    return Imputer(version, fitted_through, len(donors), fillers, levels, terms)


def _terms(column: Column) -> list[str]:
    return [column.type, str(column.impute), *column.levels]


def _fit_column(values: "pd.Series[Any]", known: "pd.DataFrame", column: Column, columns: Sequence[Column]) -> Any:
    if column.impute == "knn":
        values, known = values.tail(_MOST_TO_COMPARE), known.tail(_MOST_TO_COMPARE)
    if column.impute == "median":
        return _number(values.astype(float).median(), column)
    if column.impute == "mode":
        return values.mode().iloc[0].item() if hasattr(values.mode().iloc[0], "item") else values.mode().iloc[0]
    from sklearn.pipeline import make_pipeline

    others = [other for other in columns if other.name != column.name]
    numeric = column.type in ("int", "float", "ordered")
    target = values.astype(float) if numeric else values.astype(str)
    return make_pipeline(_encoder(others), _estimator(column, numeric, len(known))).fit(
        known.drop(columns=column.name), target
    )


def _estimator(column: Column, numeric: bool, rows: int) -> Any:
    if column.impute == "knn":
        from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

        neighbours = KNeighborsRegressor if numeric else KNeighborsClassifier
        return neighbours(n_neighbors=min(_NEIGHBOURS, rows), weights="distance", algorithm="brute")
    if column.impute == "tree":
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        return (DecisionTreeRegressor if numeric else DecisionTreeClassifier)(**_TREE)
    from sklearn.linear_model import Ridge

    return Ridge(alpha=1.0)


def _encoder(columns: Sequence[Column]) -> Any:
    """Every other feature as numbers: medians and scales for numbers, rare levels grouped for categories."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [column.name for column in columns if column.type != "category"]
    categories = [column.name for column in columns if column.type == "category"]
    scaled = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    levels = OneHotEncoder(min_frequency=0.02, handle_unknown="infrequent_if_exist", sparse_output=False)
    return make_column_transformer((scaled, numbers), (levels, categories))


def _coded(given: "dict[str, pa.Array]", columns: Sequence[Column], levels: dict[str, list[str]]) -> "pd.DataFrame":
    """Every feature as floats: a category's level as its position (-1 for a new one), gaps elsewhere as NaN."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    found = {}
    for column in columns:
        values = given[column.name]
        if column.type == "category":
            known = pa.array(levels.get(column.name, []), pa.string())
            values = pc.index_in(values.fill_null(UNKNOWN_LEVEL), known).fill_null(-1)
        found[column.name] = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return pd.DataFrame(found)


def _typed(rows: "pa.Table", columns: Sequence[Column]) -> "dict[str, pa.Array]":
    """Each column in the type that its values have; one of gaps alone has come with any. NaN is a gap too."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds = {"int": pa.int64(), "ordered": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    found = {}
    for column in columns:
        values = rows[column.name].combine_chunks()
        if pa.types.is_floating(values.type):
            values = pc.if_else(pc.is_nan(values), None, values)
        found[column.name] = values.cast(kinds.get(column.type, pa.string()), safe=False)
    return found


def one_thread() -> Any:
    """One thread of BLAS, because on busy cores its threads wait for each other, up to ten times as long; of OpenMP
    because which of equally near neighbours counts would depend on the number of threads, and so on the machine.
    """
    return _thread_pools().limit(limits=1)


@cache
def _thread_pools() -> Any:
    """Looking for the libraries takes longer than filling a small window; it finds those that are loaded."""
    import sklearn.linear_model  # noqa: F401 - loads every BLAS that the imputers use
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


def _bounded(values: Any, column: Column) -> Any:
    """Predictions in the column's own unit and bounds."""
    import numpy as np

    if column.type == "category":
        return values
    if column.type == "bool":
        return np.isin(values.astype(str), ("True", "1", "1.0"))
    low, high = _bounds(column)
    within = np.clip(values.astype(float), low, high)
    return within if column.type == "float" else np.rint(within)


def _known(values: "pa.Array", column: Column) -> "pa.Array":
    """A level that is declared no more reads as the constant."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not column.vocabulary:
        return values
    known = pc.is_in(values, pa.array(column.vocabulary, values.type))
    return pc.if_else(known, values, pa.scalar(column.cold_start, values.type))


def _today(value: Any, column: Column) -> Any:
    """A median or mode of then within today's bounds and levels."""
    if column.vocabulary and value not in column.vocabulary:
        return column.cold_start
    return _number(value, column) if column.type in ("int", "float", "ordered") else value


def _number(value: Any, column: Column) -> float | int:
    low, high = _bounds(column)
    number = min(max(float(value), low), high)
    return number if column.type == "float" else round(number)


def _bounds(column: Column) -> tuple[float, float]:
    if column.type == "ordered":
        return 0.0, len(column.levels) - 1.0
    return -inf if column.min is None else column.min, inf if column.max is None else column.max


def dump(imputer: Imputer) -> bytes:
    """Levels, terms and fillers in skops format."""
    return skops_format.dumps({"levels": imputer.levels, "terms": imputer.terms, "fillers": imputer.fillers})


def load(version: int, fitted_through: datetime, rows: int, artifact: bytes) -> Imputer:
    """The imputer back from :func:`dump`; a type that is not known to be harmless is an error of skops."""
    return Imputer(version, fitted_through, rows, **skops_format.loads(artifact, _TRUSTED))
