"""A batch of raw rows, column by column: each distinct spelling is looked at once, however many rows have it."""

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from leadmill.columns import Column
from leadmill.quality import values
from leadmill.spec import UseCase

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


class Spelled:
    """The distinct ``texts`` of a column (null is one of them), and which of them each row has."""

    def __init__(self, texts: "pa.Array", missing: tuple[str, ...] = (), column: Column | None = None) -> None:
        encoded = texts.dictionary_encode("encode")
        self.texts: pa.Array = encoded.dictionary
        self._at: NDArray[np.int32] = encoded.indices.to_numpy()
        self._missing, self._column = missing, column

    @cached_property
    def given(self) -> "pa.Array":
        """The spellings without spaces around them, null where missing."""
        return values.given(self.texts, self._missing)

    @cached_property
    def prepared(self) -> "pa.Array":
        """The spellings as values of the column's type, null where missing or no such value."""
        assert self._column is not None
        return values.prepared(self._column, self.given)

    def of_rows(self, of_spellings: "pa.Array") -> "pa.Array":
        """What is said of the spellings, said of the rows."""
        return of_spellings.take(self._at)

    def rows_with(self, spellings: "NDArray[np.bool_]") -> "NDArray[np.bool_] | None":
        """The rows that have one of these spellings; None where there is no such row."""
        return spellings[self._at] if spellings.any() else None


class RawBatch:
    """Rows of ``raw.<use case>`` with row_no, recorded_at, key, outcome and some declared columns as text.

    Or of anybody who gives values of ``columns`` as the source does.
    """

    def __init__(self, use_case: UseCase, rows: "pa.Table", columns: Iterable[Column] | None = None) -> None:
        self.use_case, self.rows = use_case, rows
        self._columns = {column.name: column for column in columns or use_case.raw_columns}
        self._spelled: dict[str, Spelled] = {}

    def __getitem__(self, name: str) -> Spelled:
        if name not in self._spelled:
            column = self._columns.get(name)
            texts = self.rows[name].combine_chunks()
            self._spelled[name] = Spelled(texts, column.missing if column else (), column)
        return self._spelled[name]
