"""Typed rows: the accepted raw rows of a window, canonical and of the declared types, nothing filled yet."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from leadmill import names
from leadmill.columns import Column
from leadmill.prepare.content import with_content_hash
from leadmill.prepare.features_query import read_features
from leadmill.quality import values
from leadmill.quality.spelled import RawBatch
from leadmill.spec import UseCase
from leadmill.storage.frames import read_batches

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 50_000
_MEMORY = "SET LOCAL work_mem = '64MB'"


def accepted_rows(use_case: UseCase, window_id: int, columns: Sequence[Column]) -> "Iterator[pa.Table]":
    """Accepted rows in the order of recorded_at and row_no: row_no, key, recorded_at, label and ``columns``, typed."""
    return _accepted(use_case, f"window_id = {window_id:d}", columns)


def _accepted(use_case: UseCase, condition: str, columns: Sequence[Column]) -> "Iterator[pa.Table]":
    key, rejected = use_case.entity.key, names.rejected_table(use_case)
    wanted = ", ".join(["row_no", "recorded_at", key, use_case.label.name, *(column.name for column in columns)])
    statement = (
        f"SELECT {wanted} FROM {names.raw_table(use_case)} AS batch WHERE {condition} "
        f"AND NOT EXISTS (SELECT FROM {rejected} AS r WHERE r.window_id = batch.window_id AND r.suite = 'raw' "
        "AND r.row_no = batch.row_no) ORDER BY recorded_at, row_no"
    )
    for rows in read_batches(statement, _ROWS, [_MEMORY]):
        yield _typed(use_case, rows, columns)


def _typed(use_case: UseCase, rows: "pa.Table", columns: Sequence[Column]) -> "pa.Table":
    import pyarrow as pa

    batch, entity = RawBatch(use_case, rows), use_case.entity
    label = batch[use_case.label.name]
    found = {
        "row_no": rows["row_no"],
        entity.key: values.key(entity.key_type, rows[entity.key].combine_chunks()),
        "recorded_at": rows["recorded_at"],
        "label": label.of_rows(values.truth(label.given).cast(pa.int16())),
    }
    for column in columns:
        found[column.name] = batch[column.name].of_rows(batch[column.name].prepared)
    return pa.table(found)


def snapshot_rows(use_case: UseCase, window_id: int) -> "Generator[pa.Table, None, None]":
    """Rows of a snapshot's window before imputation, in the order of event_timestamp and row_no.

    Columns: row_no, key, event_timestamp, first_recorded_at (the same), donor (every row teaches), label, content_hash
    and the features. Where the use case has a ``sql/features.sql``, they are what that derives (:func:`derived`);
    without one the features are the columns themselves. Raises FeaturesFailed.
    """
    import pyarrow as pa

    features = use_case.feature_columns
    typed = _as_typed(accepted_rows(use_case, window_id, given(use_case)))
    if use_case.derives:
        typed = derived(use_case, chain(_earlier(use_case, window_id), typed), "d.event_timestamp, d.row_no")
    for rows in typed:
        everyone = pa.array([True] * len(rows), pa.bool_())
        taught = rows.append_column("first_recorded_at", rows["event_timestamp"]).append_column("donor", everyone)
        yield with_content_hash(taught, [column.name for column in features])


def given(use_case: UseCase) -> tuple[Column, ...]:
    """The features of a snapshot that its source gives."""
    return tuple(column for column in use_case.feature_columns if not column.derived)


def derived(
    use_case: UseCase, typed: "Iterable[pa.Table]", order: str, after: int | None = None
) -> "Iterator[pa.Table]":
    """What ``sql/features.sql`` makes of ``typed`` rows: row_no, key, event_timestamp, label and every feature.

    Rows come in ``order``, those alone whose row_no is above ``after`` where it is given. Rows without a row_no are
    there to be looked at by the others and come to nothing. Raises FeaturesFailed.
    """
    key = use_case.entity.key
    wanted = ", ".join(f"d.{column.name}::{column.sql_type} AS {column.name}" for column in use_case.feature_columns)
    statement = (
        f"WITH derived AS ({use_case.sql('features').strip().rstrip(';')}\n) "
        f"SELECT d.row_no, d.{key}, d.event_timestamp, t.label, {wanted} FROM derived AS d JOIN typed AS t "
        f"USING (row_no){'' if after is None else f' WHERE d.row_no > {after:d}'} ORDER BY {order}"
    )
    return read_features(use_case, statement, given=("typed", typed))


def _earlier(use_case: UseCase, window_id: int) -> "Iterator[pa.Table]":
    """Rows of published windows recorded up to ``source.lookback`` before the window's first row; without a row_no."""
    import pyarrow as pa

    if use_case.source.lookback is None:
        return
    raw, seconds = names.raw_table(use_case), use_case.source.lookback.total_seconds()
    condition = (
        f"window_id <> {window_id:d} AND recorded_at >= (SELECT min(recorded_at) FROM {raw} "
        f"WHERE window_id = {window_id:d}) - interval '{seconds:.0f} seconds' "
        "AND window_id IN (SELECT window_id FROM ops.windows WHERE status = 'published')"
    )
    for rows in _as_typed(_accepted(use_case, condition, given(use_case))):
        at = rows.column_names.index("row_no")
        yield rows.set_column(at, "row_no", pa.nulls(len(rows), rows["row_no"].type))


def _as_typed(accepted: "Iterator[pa.Table]") -> "Iterator[pa.Table]":
    return (rows.rename_columns({"recorded_at": "event_timestamp"}) for rows in accepted)
