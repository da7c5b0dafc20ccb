"""The online table that a feature view has: its name, keys and columns, derived from the view."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from psycopg import sql

from leadmill.features.typed_store.errors import UnfitValue, UnsupportedType
from leadmill.features.typed_store.kinds import Kind, kind_of, known_types
from leadmill.features.typed_store.reserved import TAKEN
from leadmill.names import safe_name

if TYPE_CHECKING:
    from feast import FeatureView, RepoConfig


@dataclass(frozen=True)
class OnlineColumn:
    """A field of a feature view and the column that holds it."""

    field: str
    name: str
    kind: Kind
    comment: str

    def python(self, value: Any) -> Any:
        """What psycopg writes for a Feast ``Value``; None for an empty one. Raises UnfitValue."""
        which = value.WhichOneof("val")
        if which is None or which == "null_val":
            return None
        if which not in self.kind.takes:
            raise UnfitValue(self.field, which.removesuffix("_val"), self.kind.sql_type)
        content = getattr(value, which)
        return self.kind.dump(content) if self.kind.dump else content


@dataclass(frozen=True)
class OnlineTable:
    """The table of one feature view: one row per entity, the newest known."""

    view: str
    schema: str
    name: str
    comment: str
    keys: tuple[OnlineColumn, ...]
    features: tuple[OnlineColumn, ...]

    @cached_property
    def address(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


def online_address(config: "RepoConfig", view: "FeatureView") -> tuple[str, str]:
    """Schema and name of the table of ``view``: those that Feast's own Postgres store would give it."""
    return config.online_store.db_schema, safe_name(f"{config.project}_{view.name}")


def online_table(config: "RepoConfig", view: "FeatureView") -> OnlineTable:
    """The table of ``view`` in the online store that ``config`` describes. Raises UnsupportedType."""
    schema, name = online_address(config, view)
    keys = tuple(_column(view, field, f"Key of {view.name}") for field in view.entity_columns)
    return OnlineTable(
        view=view.name,
        schema=schema,
        name=name,
        comment=f"{view.description or view.name}: newest features per key, for Feast's online reads",
        keys=keys,
        features=tuple(_column(view, field, field.name) for field in view.features),
    )


def _column(view: "FeatureView", field: Any, comment: str) -> OnlineColumn:
    kind = kind_of(field.dtype)
    if kind is None:
        raise UnsupportedType(view.name, field.name, field.dtype, known_types())
    return OnlineColumn(field.name, safe_name(field.name, TAKEN), kind, field.description or comment)
