"""How each Feast type is held in a column of its own, and how its values pass between Feast and Postgres."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import NULL_TIMESTAMP_INT_VALUE
from feast.types import (
    Array,
    Bool,
    Bytes,
    FeastType,
    Float32,
    Float64,
    Int32,
    Int64,
    PrimitiveFeastType,
    String,
    UnixTimestamp,
    Uuid,
)

Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class Kind:
    """One type of field.

    ``sql_type`` is its column's type, ``takes`` the fields of Feast's ``Value`` that may bring it, its own first.
    ``load`` makes the content of that field of what psycopg reads, ``dump`` what psycopg writes of the content; None
    where they are the same.
    """

    sql_type: str
    takes: tuple[str, ...]
    load: Convert | None = None
    dump: Convert | None = None

    def fill(self, add: Callable[..., Any], values: Iterable[Any]) -> None:
        """Call ``add`` of a repeated ``Value`` for each value; one that is None becomes an empty ``Value``.

        Adding in place is four times as fast as making messages and handing them over.
        """
        field, load = self.takes[0], self.load
        if load:
            values = [None if value is None else load(value) for value in values]
        for value in values:
            add(**{field: value})


def _seconds(moment: datetime) -> int:
    # Feast's times are whole seconds.
    return int(moment.timestamp())


def _moment(seconds: int) -> datetime | None:
    return None if seconds == NULL_TIMESTAMP_INT_VALUE else datetime.fromtimestamp(seconds, UTC)


_SCALARS: dict[FeastType, Kind] = {
    Int64: Kind("bigint", ("int64_val", "int32_val")),
    Int32: Kind("bigint", ("int32_val", "int64_val")),
    Float64: Kind("double precision", ("double_val", "float_val")),
    Float32: Kind("double precision", ("float_val", "double_val")),
    Bool: Kind("boolean", ("bool_val",)),
    String: Kind("text", ("string_val",)),
    Uuid: Kind("text", ("uuid_val", "string_val")),
    Bytes: Kind("bytea", ("bytes_val",)),
    UnixTimestamp: Kind("timestamp with time zone", ("unix_timestamp_val",), _seconds, _moment),
}


def _array(scalar: Kind) -> Kind:
    field = scalar.takes[0].replace("_val", "_list_val")
    message = type(getattr(Value(), field))

    def load(found: list[Any]) -> Any:
        return message(val=[scalar.load(item) for item in found] if scalar.load else found)

    def dump(items: Any) -> list[Any]:
        return [scalar.dump(item) for item in items.val] if scalar.dump else list(items.val)

    return Kind(f"{scalar.sql_type}[]", (field,), load, dump)


@cache
def kind_of(dtype: FeastType) -> Kind | None:
    """How a field of that type is held; None where it is not."""
    if isinstance(dtype, Array):
        scalar = _SCALARS.get(dtype.base_type)
        return _array(scalar) if scalar else None
    return _SCALARS.get(dtype) if isinstance(dtype, PrimitiveFeastType) else None


def known_types() -> list[FeastType]:
    """The types that have a column type of their own."""
    return list(_SCALARS)
