"""Rows in: Feast's values, or any rows of Python values; many by COPY into a temporary table and one upsert."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from leadmill.features.typed_store.errors import UnfitValue, UnknownFeature
from leadmill.features.typed_store.reserved import CREATED, EVENT, POSITION
from leadmill.features.typed_store.table import OnlineColumn, OnlineTable
from leadmill.features.typed_store.upsert import bring_in, columns_of, listed, upsert

if TYPE_CHECKING:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey

    Written = tuple[EntityKey, dict[str, Any], datetime, datetime | None]

# Up to so many rows go without a temporary table.
_FEW = 100
INCOMING = sql.Identifier("pg_temp", "leadmill_incoming")


def write_values(connection: psycopg.Connection, table: OnlineTable, data: Sequence["Written"]) -> None:
    """Bring Feast's rows in, in one transaction; among rows of one key the newest, then the last, is kept.

    A feature that a row does not name stays as it is held. Raises UnknownFeature and UnfitValue, writing nothing.
    """
    groups: dict[frozenset[str], list[Written]] = defaultdict(list)
    for row in data:
        groups[frozenset(row[1])].append(row)
    names = frozenset[str]().union(*groups)
    unknown = names - {column.field for column in table.features}
    if unknown:
        raise UnknownFeature(table.view, unknown)
    with connection.transaction():
        for present, rows in groups.items():
            features = [column for column in table.features if column.field in present]
            values = [_values(table, features, row) for row in rows]
            (write_few if len(values) <= _FEW else write_rows)(connection, table, features, values)


def write_few(
    connection: psycopg.Connection, table: OnlineTable, features: Sequence[OnlineColumn], rows: Sequence[Sequence[Any]]
) -> None:
    """As :func:`write_rows`, row by row in one pipeline: of few rows the temporary table would be most of the work."""
    types = [*(column.kind.sql_type for column in (*table.keys, *features)), "timestamptz", "timestamptz"]
    places = [sql.SQL(f"${number}::{kind}") for number, kind in enumerate(types, start=1)]
    one = sql.SQL("VALUES ({})").format(sql.SQL(", ").join(places))
    # In the order of the keys: two writers of the same rows then wait for each other, and never in a circle.
    ordered = sorted(rows, key=lambda row: tuple(row[: len(table.keys)]))
    connection.cursor().executemany(upsert(table, features, one), ordered)


def write_rows(
    connection: psycopg.Connection,
    table: OnlineTable,
    features: Sequence[OnlineColumn],
    rows: Iterable[Sequence[Any]],
) -> int:
    """Bring rows in whose values stand in the order of ``columns_of``, in the caller's transaction; how many changed.

    Among rows of one key the newest, then the last, is kept.
    """
    begin_incoming(connection, table, features)
    with connection.cursor() as cursor, cursor.copy(copy_incoming(table, features)) as copy:
        copy.set_types(_copy_types(table, features))
        for row in rows:
            copy.write_row(row)
    return end_incoming(connection, table, features)


def begin_incoming(connection: psycopg.Connection, table: OnlineTable, features: Sequence[OnlineColumn]) -> None:
    """Make the temporary table that takes the rows of one upsert; it numbers them."""
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
            sql.Identifier("leadmill_incoming"), listed(columns_of(table, features)), table.address
        )
    )
    connection.execute(
        sql.SQL("ALTER TABLE {} ADD COLUMN {} bigint GENERATED ALWAYS AS IDENTITY").format(
            INCOMING, sql.Identifier(POSITION)
        )
    )


def copy_incoming(table: OnlineTable, features: Sequence[OnlineColumn]) -> sql.Composed:
    """The COPY into the temporary table."""
    columns = listed(columns_of(table, features))
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(INCOMING, columns)


def end_incoming(connection: psycopg.Connection, table: OnlineTable, features: Sequence[OnlineColumn]) -> int:
    """Upsert what the temporary table holds, and drop it; how many rows changed."""
    keys = listed([column.name for column in table.keys])
    newest = sql.SQL(
        "SELECT DISTINCT ON ({keys}) {columns} FROM {incoming} "
        "ORDER BY {keys}, {event} DESC, {created} DESC NULLS LAST, {position} DESC"
    ).format(
        keys=keys,
        columns=listed(columns_of(table, features)),
        incoming=INCOMING,
        event=sql.Identifier(EVENT),
        created=sql.Identifier(CREATED),
        position=sql.Identifier(POSITION),
    )
    changed = bring_in(connection, table, features, newest)
    connection.execute(sql.SQL("DROP TABLE {}").format(INCOMING))
    return changed


def _values(table: OnlineTable, features: Sequence[OnlineColumn], row: "Written") -> list[Any]:
    entity, values, event, created = row
    given = dict(zip(entity.join_keys, entity.entity_values, strict=True))
    keys = [column.python(given[column.field]) for column in table.keys]
    for column, key in zip(table.keys, keys, strict=True):
        if key is None:
            raise UnfitValue(column.field, "null", column.kind.sql_type)
    return [
        *keys,
        *(column.python(values[column.field]) for column in features),
        _utc(event),
        # Feast hands pandas's NaT over as a time; it differs from itself.
        None if created is None or created != created else _utc(created),
    ]


def _utc(moment: datetime) -> datetime:
    """Feast: a time without zone is UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _copy_types(table: OnlineTable, features: Sequence[OnlineColumn]) -> list[str | int]:
    found: list[str | int] = []
    for column in (*table.keys, *features):
        base = psycopg.adapters.types[column.kind.sql_type.removesuffix("[]")]
        found.append(base.array_oid if column.kind.sql_type.endswith("[]") else base.oid)
    return [*found, "timestamptz", "timestamptz"]
