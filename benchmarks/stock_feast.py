"""Feast with its own Postgres stores, as its documentation sets them up; or, for comparison, with the typed store."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from leadmill import settings

KEY = "lead_id"
_VIEW = "leads"
_TYPES = {"bigint": "Int64", "double precision": "Float64", "boolean": "Bool", "text": "String"}
_TYPED = "leadmill.features.typed_store"


@dataclass(frozen=True)
class Store:
    """A feature store with one view."""

    feast: Any
    view: Any
    features: tuple[str, ...]

    def read(self, keys: Sequence[str]) -> Any:
        """Feast's answer for these keys, every feature."""
        return self.feast.get_online_features(features=list(self.features), entity_rows=[{KEY: key} for key in keys])

    def teardown_online(self) -> None:
        """Empty the online store: its tables are dropped and made again."""
        self.feast.teardown()
        self.feast.apply([entity(), self.view])


def store(folder: Path, columns: Mapping[str, str], table: str, typed: bool = False) -> Store:
    """A store with one view of ``table``, registered; ``columns`` are its features with their SQL types."""
    from feast import FeatureStore, RepoConfig

    folder.mkdir(exist_ok=True)
    online = {"type": f"{_TYPED}.store.TypedPostgresOnlineStore", **database("typed_online")}
    engine = {"batch_engine": {"type": f"{_TYPED}.engine.PushdownComputeEngine"}} if typed else {}
    feast = FeatureStore(
        config=RepoConfig(
            project="typed" if typed else "stock",
            provider="local",
            registry=str(folder / "registry.db"),
            offline_store={"type": "postgres", **database("stock")},
            online_store=online if typed else {"type": "postgres", **database("stock_online")},
            entity_key_serialization_version=3,
            **engine,
        )
    )
    leads = view(_VIEW, columns, table)
    feast.apply([entity(), leads])
    return Store(feast, leads, tuple(f"{_VIEW}:{name}" for name in columns))


def entity() -> Any:
    """The lead, by its key as text."""
    from feast import Entity, ValueType

    return Entity(name="lead", join_keys=[KEY], value_type=ValueType.STRING)


def view(name: str, columns: Mapping[str, str], table: str) -> Any:
    """A view of ``table`` that never expires."""
    from feast import FeatureView, Field, types
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

    return FeatureView(
        name=name,
        entities=[entity()],
        ttl=timedelta(0),
        schema=[
            Field(name=KEY, dtype=types.String),
            *(Field(name=column, dtype=getattr(types, _TYPES[kind])) for column, kind in columns.items()),
        ],
        source=PostgreSQLSource(
            name=f"{name}_source",
            table=table,
            timestamp_field="event_timestamp",
            created_timestamp_column="created_timestamp",
        ),
    )


def key(number: int) -> str:
    """The key of that number in a table of ``feature_rows``."""
    return str(UUID(hashlib.md5(str(number).encode()).hexdigest()))


def database(schema: str) -> dict[str, Any]:
    """Where leadmill's own database is, as Feast's Postgres stores want to be told."""
    return {
        "host": settings.required("LEADMILL_PG_HOST"),
        "port": int(settings.required("LEADMILL_PG_PORT")),
        "database": settings.required("LEADMILL_PG_DATABASE"),
        "db_schema": schema,
        "user": settings.required("LEADMILL_PG_USER"),
        "password": settings.required("LEADMILL_PG_PASSWORD"),
        "sslmode": "disable",
    }
