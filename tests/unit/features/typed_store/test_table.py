"""Names of online tables and columns."""

from types import SimpleNamespace
from typing import Any

import pytest
from feast import Entity, FeatureView, Field, ValueType, types
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

from leadmill.features.typed_store.errors import UnfitValue, UnsupportedType
from leadmill.features.typed_store.kinds import Value, kind_of
from leadmill.features.typed_store.table import online_table, safe_name


def view(name: str = "offers", **fields: Any) -> FeatureView:
    made = FeatureView(
        name=name,
        entities=[Entity(name="shop", join_keys=["shop_id"], value_type=ValueType.INT64)],
        schema=[Field(name="shop_id", dtype=types.Int64), *(Field(name=n, dtype=kind) for n, kind in fields.items())],
        source=PostgreSQLSource(name="s", table="t", timestamp_field="at"),
    )
    # What Feast's apply infers.
    made.entity_columns = [Field(name="shop_id", dtype=types.Int64)]
    return made


def config(project: str = "mill") -> Any:
    return SimpleNamespace(project=project, online_store=SimpleNamespace(db_schema="online"))


@pytest.mark.parametrize("name", ["price", "Price", 'a "b"', "é" * 31, "a" * 63])
def test_a_name_that_postgres_keeps_is_kept(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize("name", ["a" * 64, "é" * 32, "a" + "é" * 40, "日本" * 40])
def test_a_long_name_is_cut_and_told_apart(name: str) -> None:
    short = safe_name(name)
    assert len(short.encode()) <= 63
    assert short != safe_name(f"{name}b")
    assert short == safe_name(name)


def test_names_that_are_taken_are_moved() -> None:
    made = {"event_timestamp": types.Int64, "xmin": types.Int64, "price": types.Int64}
    table = online_table(config(), view(**made))
    columns = [column.name for column in table.features]
    assert columns[2] == "price"
    assert not {"event_timestamp", "xmin"} & set(columns)
    assert (table.schema, table.name) == ("online", "mill_offers")


def test_a_long_view_has_a_table() -> None:
    tables = {online_table(config(), view("v" * 80 + end, price=types.Int64)).name for end in ("a", "b")}
    assert len(tables) == 2
    assert all(len(name) <= 63 for name in tables)


def test_a_type_without_a_column_is_an_error() -> None:
    with pytest.raises(UnsupportedType, match="'words' is a Set"):
        online_table(config(), view(words=types.Set(types.String)))


def test_a_value_of_another_type_is_an_error() -> None:
    (column,) = online_table(config(), view(price=types.Float64)).features
    assert column.python(Value()) is None
    assert column.python(Value(float_val=0.5)) == 0.5
    with pytest.raises(UnfitValue, match="'price' got a string; its column online is double precision"):
        column.python(Value(string_val="0.5"))


@pytest.mark.parametrize("dtype", [types.Map, types.Set(types.Int64), types.Array(types.Map), types.Json])
def test_what_is_not_held(dtype: Any) -> None:
    assert kind_of(dtype) is None
