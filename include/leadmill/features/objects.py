"""Feast objects of a use case, derived from its spec."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leadmill import names
from leadmill.features.online_row import TTL
from leadmill.spec import UseCase
from leadmill.storage.ddl import feature_columns

if TYPE_CHECKING:
    from feast import Entity, FeatureService, FeatureView

_FEAST_TYPES = {"bigint": "Int64", "double precision": "Float64", "boolean": "Bool", "text": "String"}


@dataclass(frozen=True)
class FeastObjects:
    """What one use case registers."""

    entity: "Entity"
    view: "FeatureView"
    service: "FeatureService"

    def all(self) -> list[Any]:
        return [self.entity, self.view, self.service]


def feast_objects(use_case: UseCase) -> FeastObjects:
    """Entity, feature view and feature service."""
    from feast import Entity, FeatureService, FeatureView, Field, ValueType, types
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

    integer = use_case.entity.key_type == "int"
    entity = Entity(
        name=use_case.entity.name
        if use_case.entity.name == use_case.name
        else f"{use_case.name}_{use_case.entity.name}",
        join_keys=[use_case.entity.key],
        value_type=ValueType.INT64 if integer else ValueType.STRING,
        description=f"{use_case.title}: what is scored",
    )
    source = PostgreSQLSource(
        name=f"{use_case.name}_source",
        table=names.features_table(use_case),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    )
    fields = [
        Field(name=column.name, dtype=getattr(types, _FEAST_TYPES[column.type]), description=column.comment)
        for column in feature_columns(use_case)
    ]
    key = Field(name=use_case.entity.key, dtype=types.Int64 if integer else types.String)
    view = FeatureView(
        name=names.feature_view(use_case),
        entities=[entity],
        ttl=TTL,
        schema=[key, *fields],
        source=source,
        online=True,
        description=use_case.title,
        tags={"use_case": use_case.name},
    )
    service = FeatureService(name=names.feature_service(use_case), features=[view], description=use_case.title)
    return FeastObjects(entity, view, service)
