"""Rows out: one statement for the keys of a view, and their values as Feast wants them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus, GetOnlineFeaturesResponse
from psycopg import sql

from leadmill.features.typed_store.reserved import EVENT
from leadmill.features.typed_store.table import OnlineColumn, OnlineTable
from leadmill.features.typed_store.upsert import listed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PRESENT, _NOT_FOUND = FieldStatus.PRESENT, FieldStatus.NOT_FOUND
Key = tuple[Any, ...]
Row = tuple[Any, ...]
"""The event time, then a value per feature."""


class Reader:
    """The statements that read some features of one view; made once, and prepared by each connection that runs them."""

    def __init__(self, table: OnlineTable, features: Sequence[OnlineColumn], ttl: timedelta | None) -> None:
        self._keys, self._features = table.keys, tuple(features)
        # A ttl of 0 never expires.
        self._ages = [ttl] if ttl else []
        # Binding and expanding an array of one takes as long as the rest of the read.
        self._of_one = self._select(table, _is_one(table.keys)).as_bytes(None)
        self._of_many = self._select(table, _is_among(table.keys)).as_bytes(None)
        self._nothing: Row = (None,) * (1 + len(features))

    def keys(self, values: Mapping[str, Sequence[Any]]) -> list[Key]:
        """The keys that Feast's values make, given as a list per join key. Raises UnfitValue and KeyError."""
        columns = ([_asked(column.python(value)) for value in values[column.field]] for column in self._keys)
        return list(zip(*columns, strict=True))

    def rows(self, connection: psycopg.Connection, keys: Sequence[Key]) -> list[Row | None]:
        """For each key its row, or None where there is none or it is older than the ttl."""
        if not keys:
            return []
        asked = list(dict.fromkeys(keys))
        if len(asked) == 1:
            statement, values = self._of_one, list(asked[0])
        else:
            statement, values = self._of_many, [list(column) for column in zip(*asked, strict=True)]
        with connection.cursor(binary=True) as cursor:
            found = cursor.execute(statement, [*values, *self._ages], prepare=True).fetchall()
        width = len(self._keys)
        held = {row[:width]: row[width:] for row in found}
        return [held.get(key) for key in keys]

    def protos(self, row: Row | None) -> tuple[datetime | None, dict[str, Any] | None]:
        """A row as Feast's ``online_read`` gives it back."""
        if row is None:
            return None, None
        vector = GetOnlineFeaturesResponse.FeatureVector()
        for column, value in zip(self._features, row[1:], strict=True):
            column.kind.fill(vector.values.add, [value])
        return row[0], dict(zip([column.field for column in self._features], vector.values, strict=True))

    def answer(self, response: GetOnlineFeaturesResponse, rows: Sequence[Row | None], prefix: str) -> None:
        """Add the features of ``rows``, one result per row, to Feast's response; ``prefix`` stands before their names.

        What :func:`feast.utils._populate_response_from_feature_data` makes of them, column by column.
        """
        response.metadata.feature_names.val.extend(prefix + column.field for column in self._features)
        frame = _frame(row[0] if row else None for row in rows)
        _, *columns = list(zip(*(row or self._nothing for row in rows), strict=True)) or [()] * len(self._nothing)
        for column, values in zip(self._features, columns, strict=True):
            vector = response.results.add()
            vector.MergeFromString(frame)
            column.kind.fill(vector.values.add, values)

    def _select(self, table: OnlineTable, which: sql.Composable) -> sql.Composed:
        keys = [column.name for column in table.keys]
        young = (
            sql.SQL(f" AND {{}} >= now() - ${len(keys) + 1}").format(sql.Identifier(EVENT))
            if self._ages
            else sql.SQL("")
        )
        columns = listed([*keys, EVENT, *(column.name for column in self._features)])
        return sql.SQL("SELECT {} FROM {} WHERE {}{}").format(columns, table.address, which, young)


def _is_one(keys: Sequence[OnlineColumn]) -> sql.Composed:
    places = [sql.SQL(f"{{}} = ${n}::{column.kind.sql_type}") for n, column in enumerate(keys, start=1)]
    return sql.SQL(" AND ").join(
        place.format(sql.Identifier(key.name)) for place, key in zip(places, keys, strict=True)
    )


def _is_among(keys: Sequence[OnlineColumn]) -> sql.Composed:
    arrays = [sql.SQL(f"${n}::{column.kind.sql_type}[]") for n, column in enumerate(keys, start=1)]
    if len(keys) == 1:
        return sql.SQL("{} = ANY ({})").format(sql.Identifier(keys[0].name), *arrays)
    names = listed([column.name for column in keys])
    return sql.SQL("({}) IN (SELECT * FROM unnest({}))").format(names, sql.SQL(", ").join(arrays))


def _asked(value: Any) -> Any:
    """A key to look for; Postgres holds no text with a zero byte, and refuses to be asked for one."""
    return None if isinstance(value, str) and "\0" in value else value


def _frame(moments: Iterable[datetime | None]) -> bytes:
    """What all vectors of a response have alike: statuses and event times, serialized."""
    vector = GetOnlineFeaturesResponse.FeatureVector()
    add, statuses = vector.event_timestamps.add, []
    for moment in moments:
        if moment is None:
            add()
            statuses.append(_NOT_FOUND)
        else:
            since = moment - _EPOCH
            add(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000)
            statuses.append(_PRESENT)
    vector.statuses.extend(statuses)
    return bytes(vector.SerializeToString())
