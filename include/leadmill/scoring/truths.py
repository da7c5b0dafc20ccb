"""Truths on their way from Postgres: as bits of one number, for a column of them costs as much there as any other."""

from collections.abc import Sequence

import pyarrow as pa
from psycopg import sql

# Of an int, whose last bit is its sign.
_BITS = 31


def packed(truths: Sequence[str]) -> list[sql.Composable]:
    """SQL: these boolean columns as bits of as few ints as hold them, null where one of them is."""
    return [
        sql.SQL("{} AS {}").format(
            sql.SQL(" | ").join(
                sql.SQL("({}::int << {})").format(sql.Identifier(name), at)
                for at, name in enumerate(truths[start : start + _BITS])
            ),
            sql.Identifier(_name(start)),
        )
        for start in range(0, len(truths), _BITS)
    ]


def unpacked(rows: pa.Table, truths: Sequence[str]) -> pa.Table:
    """The rows with these columns after those of :func:`packed`."""
    for at, name in enumerate(truths):
        bits = rows[_name(at)].to_numpy() & (1 << at % _BITS)
        rows = rows.append_column(name, pa.array(bits != 0))
    return rows


def _name(at: int) -> str:
    # No input has a name with a space.
    return f"truths {at // _BITS}"
