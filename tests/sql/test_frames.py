"""Arrow tables into Postgres by binary COPY: what went in comes out, of every type and with gaps."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from leadmill.storage.database import copy_connection
from leadmill.storage.frames import copy_table, copy_tables

COLUMNS = {
    "tiny": "smallint",
    "whole": "int NOT NULL",
    "large": "bigint",
    "share": "double precision",
    "truth": "boolean",
    "said": "text",
    "reasons": "jsonb",
    "at": "timestamptz",
}
MOMENT = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
TYPES = {
    **{"tiny": pa.int16(), "whole": pa.int64(), "large": pa.int64(), "share": pa.float64(), "truth": pa.bool_()},
    **{"said": pa.string(), "reasons": pa.string(), "at": pa.timestamp("us", "UTC")},
}
ROWS: list[tuple[Any, ...]] = [
    (1, 2, 2**62, 0.1 + 0.2, True, 'a "quoted",\n\tline \\N', '{"a": [1, "b"]}', MOMENT),
    (-1, -(2**31), -(2**62), -1e300, False, "", "null", MOMENT + timedelta(days=40_000)),
    (None, 0, None, None, None, None, None, None),
    (0, 1, 0, float("inf"), True, "größer 漢字 🙂", '"x"', datetime(1, 1, 1, tzinfo=UTC)),
]


@pytest.fixture
def table(postgres: dict[str, str]) -> str:
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    with copy_connection() as connection:
        connection.execute(f"DROP TABLE IF EXISTS staging.copied; CREATE TABLE staging.copied ({columns})".encode())
    return "staging.copied"


def given(rows: list[tuple[Any, ...]]) -> pa.Table:
    return pa.table({name: pa.array([row[at] for row in rows], kind) for at, (name, kind) in enumerate(TYPES.items())})


def held(table: str) -> list[tuple[Any, ...]]:
    listed = ", ".join("reasons::text" if name == "reasons" else name for name in COLUMNS)
    with copy_connection() as connection:
        return connection.execute(f"SELECT {listed} FROM {table}".encode()).fetchall()


def test_what_went_in_comes_out(table: str) -> None:
    with copy_connection() as connection:
        assert copy_table(connection, table, given(ROWS)) == len(ROWS)
    assert held(table) == ROWS


def test_so_it_does_in_many_parts_and_out_of_slices(table: str) -> None:
    many = given(ROWS * 5_001).slice(4, 20_000)
    with copy_connection() as connection:
        copy_table(connection, table, many)
        copy_table(connection, table, given([]))
    assert Counter(held(table)) == Counter(ROWS * 5_000)


def test_other_types_and_whole_columns_of_gaps_are_converted(table: str) -> None:
    rows = pa.table({"said": [None, None], "whole": [1.0, 2.0], "share": [1, 2], "truth": [None, True]})
    with copy_connection() as connection:
        assert copy_table(connection, table, rows) == 2
        assert copy_tables(connection, table, [rows, rows]) == 4
    assert held(table)[:2] == [
        (None, 1, None, 1.0, None, None, None, None),
        (None, 2, None, 2.0, True, None, None, None),
    ]


def test_a_value_that_is_none_of_the_column_is_an_error_and_nothing_is_written(table: str) -> None:
    with pytest.raises(pa.ArrowInvalid), copy_connection() as connection:
        copy_table(connection, table, pa.table({"whole": [2**31]}))
    assert held(table) == []
