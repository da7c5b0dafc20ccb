"""Arrow tables as COPY's binary format: whole columns at a time, and no text for Postgres to read."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

# https://www.postgresql.org/docs/current/sql-copy.html: signature, no flags, no extension; a file ends with -1.
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
# Microseconds from 1970, where Arrow's times begin, to 2000, where those of Postgres do.
_EPOCH = 946_684_800_000_000
# How numpy writes what Postgres reads, by type.
_FIXED = {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float8": ">f8", "bool": "?", "timestamptz": ">i8"}
# What stands before a text.
_BEFORE = {"text": b"", "jsonb": b"\x01"}


def binary_rows(rows: "pa.RecordBatch", types: Sequence[str]) -> "memoryview":
    """The rows, one after the other, without header and trailer; ``types`` are Postgres' names of the columns' types.

    Raises KeyError for a type that is not written here, and Arrow's errors for a value that is none of its type.
    """
    import numpy as np
    import pyarrow.compute as pc

    given = [(values.cast(_arrow(kind)), kind) for values, kind in zip(rows.columns, types, strict=True)]
    parts: list[Any] = [_binary(np.full(len(rows), len(given), dtype=">i2"))]
    for plain, run in groupby(given, lambda one: one[1] in _FIXED and not one[0].null_count):
        together = list(run)
        parts += [_binary(_side_by_side(together))] if plain else [part for one in together for part in _alone(*one)]
    joined = pc.binary_join_element_wise(*parts, b"")
    _, offsets, data = joined.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)
    return memoryview(data)[ends[0] : ends[len(rows)]] if len(rows) else memoryview(b"")


def _arrow(kind: str) -> "pa.DataType":
    import pyarrow as pa

    moment = pa.timestamp("us", "UTC")
    numbers = {"int2": pa.int16(), "int4": pa.int32(), "int8": pa.int64(), "float8": pa.float64(), "bool": pa.bool_()}
    return {**numbers, "timestamptz": moment, "text": pa.string(), "jsonb": pa.string()}[kind]


def _side_by_side(given: "list[tuple[pa.Array, str]]") -> Any:
    """Columns of fixed size without gaps: each value after its length."""
    import numpy as np

    forms = [_FIXED[kind] for _, kind in given]
    layout = [part for at, form in enumerate(forms) for part in ((f"n{at}", ">i4"), (f"v{at}", form))]
    found = np.empty(len(given[0][0]), dtype=layout)
    for at, (values, kind) in enumerate(given):
        found[f"n{at}"] = np.dtype(forms[at]).itemsize
        found[f"v{at}"] = _numbers(values, kind)
    return found


def _alone(values: "pa.Array", kind: str) -> list[Any]:
    """A column of texts, or with gaps: lengths, -1 for a gap, and values."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    known = values.is_valid()
    if kind in _FIXED:
        numbers = _numbers(values.fill_null(pa.scalar(0).cast(values.type)), kind).astype(_FIXED[kind])
        lengths = np.where(known.to_numpy(False), numbers.itemsize, -1)
        return [_binary(lengths.astype(">i4")), pc.if_else(known, _binary(numbers), b"")]
    before = _BEFORE[kind]
    lengths = pc.add(pc.binary_length(values), len(before)).fill_null(-1).to_numpy()
    texts = values.cast(pa.binary()).fill_null(b"")
    return [_binary(lengths.astype(">i4")), *([pc.if_else(known, before, b"")] if before else []), texts]


def _numbers(values: "pa.Array", kind: str) -> Any:
    """Values without gaps as numpy's; a moment as what Postgres counts."""
    import pyarrow as pa

    if kind == "timestamptz":
        return values.cast(pa.int64()).to_numpy() - _EPOCH
    return values.to_numpy(zero_copy_only=False)


def _binary(found: Any) -> "pa.Array":
    """Records of one size as Arrow's binary values."""
    import pyarrow as pa

    fixed = pa.Array.from_buffers(pa.binary(found.dtype.itemsize), len(found), [None, pa.py_buffer(found)])
    return fixed.cast(pa.binary())
