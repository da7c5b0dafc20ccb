"""A small shop with its own Feast project: one source of offers, written to the typed store or to Feast's own."""

import os
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

STORE = "leadmill.features.typed_store.store.TypedPostgresOnlineStore"
ENGINE = "leadmill.features.typed_store.engine.PushdownComputeEngine"
NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
START, END = NOON - timedelta(days=30), NOON + timedelta(days=30)
LONG = "how_often_the_customer_looked_at_the_offer_in_the_last_seven_days_of_the_month"
# Feast name, its type, the type of the source's column.
FEATURES = (
    ("price", "Float64", "double precision"),
    ("Units sold", "Int64", "bigint"),
    ("select", "Int32", "int"),
    ('100% "sure"', "Bool", "boolean"),
    (LONG, "Float32", "real"),
    (f"{LONG}_too", "String", "varchar(20)"),
    ("xmin", "String", "text"),
    ("seen_at", "UnixTimestamp", "timestamptz"),
    ("picture", "Bytes", "bytea"),
    ("sizes", "Array(Int64)", "bigint[]"),
    ("words", "Array(String)", "text[]"),
)
NAMES = [name for name, *_ in FEATURES]
# No column of a source can have such names.
MAPPING = {"looked": LONG, "looked_too": f"{LONG}_too", "x": "xmin"}
COLUMNS = {name: column for column, name in MAPPING.items()}
FULL: dict[str, Any] = {
    "price": 0.1 + 0.2,
    "Units sold": 2**62,
    "select": -7,
    '100% "sure"': True,
    LONG: 0.5,
    f"{LONG}_too": "Zürich's {} %s",
    "xmin": "",
    "seen_at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    "picture": b"\x00\xff",
    "sizes": [1, 2, 2],
    "words": ["a", ""],
}
NULLS: dict[str, Any] = dict.fromkeys(NAMES)


class Shop:
    """The source table ``shop.offers`` (keys: shop_id, name) and stores that serve it."""

    def __init__(self, variables: dict[str, str], folder: Path) -> None:
        self.variables, self.folder = variables, folder
        self.connection = psycopg.connect(variables["LEADMILL_DATABASE_URL"], autocommit=True)

    def create(self) -> None:
        self.drop()
        self.run("CREATE SCHEMA shop")
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(COLUMNS.get(name, name)), sql.SQL(kind))
            for name, _, kind in FEATURES
        ]
        self.connection.execute(
            sql.SQL(
                "CREATE TABLE shop.offers (shop_id bigint, name text, {}, at timestamptz, written timestamptz)"
            ).format(sql.SQL(", ").join(columns))
        )

    def drop(self) -> None:
        self.run("DROP SCHEMA IF EXISTS shop CASCADE; DROP SCHEMA IF EXISTS shop_online CASCADE")

    def run(self, statement: str, values: Sequence[Any] | None = None) -> psycopg.Cursor[Any]:
        return self.connection.execute(statement.encode(), values)

    def offer(
        self, key: tuple[int | None, str | None], at: datetime, written: datetime | None = NOON, **values: Any
    ) -> None:
        """Add a row to the source."""
        named = {COLUMNS.get(name, name): value for name, value in values.items()}
        row = {"shop_id": key[0], "name": key[1], "at": at, "written": written} | named
        names = sql.SQL(", ").join(map(sql.Identifier, row))
        places = sql.SQL(", ").join(sql.SQL(f"${number + 1}") for number in range(len(row)))
        statement = sql.SQL("INSERT INTO shop.offers ({}) VALUES ({})").format(names, places)
        psycopg.RawCursor(self.connection).execute(statement, list(row.values()))

    def server(self, schema: str) -> dict[str, Any]:
        return {
            "host": self.variables["LEADMILL_PG_HOST"],
            "port": int(self.variables["LEADMILL_PG_PORT"]),
            "database": self.variables["LEADMILL_PG_DATABASE"],
            "user": self.variables["LEADMILL_PG_USER"],
            "password": os.environ["LEADMILL_PG_PASSWORD"],
            "sslmode": "disable",
            "db_schema": schema,
        }

    def config(self, name: str = "shop", **changes: Any) -> dict[str, Any]:
        """feature_store.yaml of this shop, with some of its blocks replaced."""
        return {
            "project": name,
            "provider": "local",
            "registry": str(self.folder / f"{name}.db"),
            "offline_store": {"type": "postgres", **self.server("shop")},
            "online_store": {"type": STORE, **self.server("shop_online")},
            "batch_engine": {"type": ENGINE},
            "entity_key_serialization_version": 3,
        } | changes

    def store(self, name: str = "shop", **changes: Any) -> Any:
        from feast import FeatureStore, RepoConfig

        return FeatureStore(config=RepoConfig(**self.config(name, **changes)))


def offers(
    without: Collection[str] = (),
    more: Sequence[tuple[str, str]] = (),
    ttl: timedelta = timedelta(0),
    source: Any = None,
    name: str = "offers",
) -> list[Any]:
    """The Feast objects: two entities, one view over both of them."""
    from feast import Entity, FeatureView, Field, ValueType
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

    shop = Entity(name="shop", join_keys=["shop_id"], value_type=ValueType.INT64)
    offer = Entity(name="offer", join_keys=["name"], value_type=ValueType.STRING)
    declared = [(field, kind) for field, kind, _ in FEATURES if field not in without] + list(more)
    fields = [("shop_id", "Int64"), ("name", "String"), *declared]
    view = FeatureView(
        name=name,
        entities=[shop, offer],
        ttl=ttl,
        schema=[Field(name=field, dtype=feast_type(kind), description=f"about {field}") for field, kind in fields],
        source=source
        or PostgreSQLSource(
            name=f"{name}_source",
            table="offers",
            timestamp_field="at",
            created_timestamp_column="written",
            field_mapping=MAPPING,
        ),
    )
    return [shop, offer, view]


def feast_type(kind: str) -> Any:
    from feast import types

    if kind.startswith("Array("):
        return types.Array(getattr(types, kind[6:-1]))
    return getattr(types, kind)


def read(store: Any, *keys: tuple[int, str], features: Sequence[str] = NAMES, view: str = "offers") -> list[Any]:
    """For each key a tuple of its features, all None where there is no row."""
    response = store.get_online_features(
        features=[f"{view}:{name}" for name in features],
        entity_rows=[{"shop_id": shop_id, "name": name} for shop_id, name in keys],
    ).to_dict()
    return [tuple(response[name][row] for name in features) for row in range(len(keys))]


def price(store: Any, key: tuple[int, str] = (1, "tea"), view: str = "offers") -> float | None:
    """The price online of one offer."""
    return read(store, key, features=["price"], view=view)[0][0]


def push(
    store: Any, at: datetime, written: datetime | None = NOON, key: tuple[int, str | None] = (1, "tea"), **values: Any
) -> None:
    """Write one row through Feast's own call."""
    import pandas as pd

    row = {"shop_id": key[0], "name": key[1]} | NULLS | values | {"at": at, "written": written}
    store.write_to_online_store("offers", pd.DataFrame({name: [value] for name, value in row.items()}))
