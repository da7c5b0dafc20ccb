"""The online store by which Feast reads and writes the typed tables."""

import asyncio
import functools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

import feast.metrics
import psycopg
from feast import Entity, FeatureView, RepoConfig, utils
from feast.infra.online_stores.online_store import OnlineStore
from feast.infra.utils.postgres.postgres_config import PostgreSQLConfig
from feast.protos.feast.types.EntityKey_pb2 import EntityKey

from leadmill.features.typed_store.connections import Connections
from leadmill.features.typed_store.ddl import drop, ensure
from leadmill.features.typed_store.errors import NoOnlineTable, UnknownFeature
from leadmill.features.typed_store.read import Reader
from leadmill.features.typed_store.table import OnlineTable, online_address, online_table
from leadmill.features.typed_store.write import write_values

Result = TypeVar("Result")
Read = tuple[datetime | None, dict[str, Any] | None]
Written = tuple[EntityKey, dict[str, Any], datetime, datetime | None]


class TypedPostgresOnlineStoreConfig(PostgreSQLConfig):
    """What ``online_store`` in feature_store.yaml takes: where the server is, and ``db_schema`` for the tables."""

    type: Literal["leadmill.features.typed_store.store.TypedPostgresOnlineStore"] = (
        "leadmill.features.typed_store.store.TypedPostgresOnlineStore"
    )
    db_schema: str = "online"


class TypedPostgresOnlineStore(OnlineStore):
    """One table per feature view, one typed row per entity, the newest known.

    A row older than its view's ttl reads as not found; a ttl of 0 never expires. Feast's async calls run the same reads
    and writes in a thread.
    """

    def __init__(self) -> None:
        self._connections: Connections | None = None
        self._readers: dict[Any, Reader] = {}

    def connections(self, config: RepoConfig) -> Connections:
        """The pooled connections of this store."""
        if self._connections is None:
            self._connections = Connections(config.online_store)
        return self._connections

    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[Written],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Write rows in one transaction; a row that is older than the one held changes nothing."""
        target = online_table(config, table)
        self._run(config, table, functools.partial(write_values, table=target, data=data))
        if progress:
            progress(len(data))

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[Read]:
        """(event time, value per requested feature) per key, (None, None) where there is no row that still lives."""
        if not entity_keys:
            return []
        reader = self._reader(config, table, requested_features)
        keys = [
            key
            for entity in entity_keys
            for key in reader.keys(
                {name: [value] for name, value in zip(entity.join_keys, entity.entity_values, strict=True)}
            )
        ]
        rows = self._run(config, table, functools.partial(reader.rows, keys=keys))
        return [reader.protos(row) for row in rows]

    def _read_features_per_fv(
        self,
        config: RepoConfig,
        grouped_refs: list[tuple[FeatureView, list[str]]],
        join_key_values: dict[str, Any],
        entity_name_to_join_key_map: dict[str, str],
        online_features_response: Any,
        full_feature_names: bool,
        include_feature_view_version_metadata: bool,
    ) -> None:
        """As Feast's, which makes a message for every value and copies it twice; where Feast counts, it is Feast's."""
        if include_feature_view_version_metadata or feast.metrics._config.online_features:
            super()._read_features_per_fv(
                *(config, grouped_refs, join_key_values, entity_name_to_join_key_map, online_features_response),
                *(full_feature_names, include_feature_view_version_metadata),
            )
            return
        for view, requested in grouped_refs:
            reader = self._reader(config, view, requested)
            keys = reader.keys(utils._get_table_entity_values(view, entity_name_to_join_key_map, join_key_values))
            rows = self._run(config, view, functools.partial(reader.rows, keys=keys))
            called = view.projection.name_to_use()  # type: ignore[no-untyped-call]
            reader.answer(online_features_response, rows, f"{called}__" if full_feature_names else "")

    async def online_write_batch_async(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[Written],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """As :meth:`online_write_batch`."""
        await asyncio.to_thread(self.online_write_batch, config, table, data, progress)

    async def online_read_async(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[Read]:
        """As :meth:`online_read`."""
        return await asyncio.to_thread(self.online_read, config, table, entity_keys, requested_features)

    def update(
        self,
        config: RepoConfig,
        tables_to_delete: Sequence[FeatureView],
        tables_to_keep: Sequence[FeatureView],
        entities_to_delete: Sequence[Entity],
        entities_to_keep: Sequence[Entity],
        partial: bool,
    ) -> None:
        """Tables follow the views; see :func:`leadmill.features.typed_store.ddl.ensure`."""
        kept = [online_table(config, view) for view in tables_to_keep]
        for table in kept:
            self.connections(config).run(functools.partial(ensure, table=table))
        self.teardown(config, tables_to_delete, entities_to_delete)

    def teardown(self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[Entity]) -> None:
        """Drop the tables of these views."""
        for view in tables:
            schema, name = online_address(config, view)
            self.connections(config).run(functools.partial(drop, schema=schema, name=name))

    async def close(self) -> None:
        """Close this process's connections; the next use opens them anew."""
        if self._connections is not None:
            self._connections.close()

    def _is_versioned_read_supported(self) -> bool:
        # One table per view. Feast's own answer imports every online store that it has.
        return False

    def _run(self, config: RepoConfig, view: FeatureView, action: Callable[[psycopg.Connection], Result]) -> Result:
        try:
            return self.connections(config).run(action)
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            raise NoOnlineTable(view.name, str(error).splitlines()[0]) from error

    def _reader(self, config: RepoConfig, view: FeatureView, requested: list[str] | None) -> Reader:
        fields = tuple((field.name, field.dtype) for field in view.features)
        wanted = tuple(requested) if requested else tuple(name for name, _ in fields)
        ttl = getattr(view, "ttl", None)
        address = (config.project, view.name, ttl, fields, wanted)
        reader = self._readers.get(address)
        if reader is None:
            reader = self._readers[address] = _new_reader(online_table(config, view), wanted, ttl)
        return reader


def _new_reader(table: OnlineTable, wanted: tuple[str, ...], ttl: timedelta | None) -> Reader:
    columns = {column.field: column for column in table.features}
    unknown = [name for name in wanted if name not in columns]
    if unknown:
        raise UnknownFeature(table.view, unknown)
    return Reader(table, [columns[name] for name in wanted], ttl)
