"""The newest rows of an offline store that is no Postgres, as Feast gives them, in batches of bounded memory."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL
from feast.types import FeastType

from leadmill.features.typed_store.kinds import kind_of

if TYPE_CHECKING:
    from feast import RepoConfig
    from feast.data_source import DataSource
    from feast.infra.common.materialization_job import MaterializationTask

_MOMENT = pa.timestamp("us", tz="UTC")
# Rows that stand in memory as Python values at a time.
_BATCH = 20_000
_ARROW = {
    "bigint": pa.int64(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "text": pa.string(),
    "bytea": pa.binary(),
    "timestamp with time zone": _MOMENT,
}


class ArrowRows:
    """Rows in the order of an upsert's columns; may be gone through more than once."""

    def __init__(self, table: pa.Table, keys: int) -> None:
        self._table, self._keys = table, keys

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for batch in self._table.to_batches(max_chunksize=_BATCH):
            for row in zip(*(values.to_pylist() for values in batch.columns), strict=True):
                # Nobody could ask for a row without a key.
                if None not in row[: self._keys]:
                    yield row


def latest_rows(config: "RepoConfig", offline_store: Any, task: "MaterializationTask") -> ArrowRows:
    """Newest row per key with an event time in the task's window: keys, features, event and created time.

    Columns are renamed by the source's field mapping and cast to the declared types.
    """
    view = task.feature_view
    source: DataSource = view.batch_source  # type: ignore[assignment]  # a view that is materialized has one
    names = {mapped: column for column, mapped in (source.field_mapping or {}).items()}
    fields = [*view.entity_columns, *view.features]
    columns = {field.name: names.get(field.name, field.name) for field in fields}
    event = names.get(source.timestamp_field, source.timestamp_field)
    created = names.get(source.created_timestamp_column, source.created_timestamp_column) or None
    job = offline_store.pull_latest_from_table_or_query(
        config=config,
        data_source=source,
        join_key_columns=[columns[key.name] for key in view.entity_columns if key.name != DUMMY_ENTITY_ID],
        feature_name_columns=[columns[feature.name] for feature in view.features],
        timestamp_field=event,
        created_timestamp_column=created,
        start_date=task.start_time,
        end_date=task.end_time,
    )
    found = job.to_arrow()

    def values(column: str | None, kind: pa.DataType) -> Any:
        if column is None:
            return pa.nulls(len(found), kind)
        if column == DUMMY_ENTITY_ID:
            return pa.repeat(DUMMY_ENTITY_VAL, len(found))
        return found[column].cast(kind)

    arrays = [values(columns[field.name], _arrow_type(field.dtype)) for field in fields]
    arrays += [values(event, _MOMENT), values(created, _MOMENT)]
    return ArrowRows(pa.table(arrays, names=[str(number) for number in range(len(arrays))]), len(view.entity_columns))


def _arrow_type(dtype: FeastType) -> pa.DataType:
    kind = kind_of(dtype)
    assert kind is not None, "the online table could not have been made"
    base = _ARROW[kind.sql_type.removesuffix("[]")]
    return pa.list_(base) if kind.sql_type.endswith("[]") else base
