"""Typed rows: the accepted raw rows of a window, canonical and of the declared types, nothing filled yet."""

from collections.abc import Iterator, Sequence
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


def accepted_rows(use_case: UseCase, window_id: int, columns: Sequence[Column]) -> "Iterator[pa.Table]":
    """Accepted rows in the order of recorded_at and row_no: row_no, key, recorded_at, label and ``columns``, typed."""
    key, rejected = use_case.entity.key, names.rejected_table(use_case)
    wanted = ", ".join(["row_no", "recorded_at", key, use_case.label.name, *(column.name for column in columns)])
    statement = (
        f"SELECT {wanted} FROM {names.raw_table(use_case)} AS batch WHERE window_id = {window_id:d} "
        f"AND NOT EXISTS (SELECT FROM {rejected} AS r WHERE r.window_id = {window_id:d} AND r.suite = 'raw' "
        "AND r.row_no = batch.row_no) ORDER BY recorded_at, row_no"
    )
    for rows in read_batches(statement, _ROWS, ["SET LOCAL work_mem = '64MB'"]):
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


def snapshot_rows(use_case: UseCase, window_id: int) -> "Iterator[pa.Table]":
    """Rows of a snapshot's window before imputation, in the order of event_timestamp and row_no.

    Columns: row_no, key, event_timestamp, first_recorded_at (the same), donor (every row teaches), label, content_hash
    and the features. Where the use case has a
    ``sql/features.sql``, that reads the relation ``typed`` and gives its rows back with the features that it derives;
    without one the features are the columns themselves. Raises FeaturesFailed.
    """
    import pyarrow as pa

    key, features = use_case.entity.key, use_case.feature_columns
    typed: Iterator[pa.Table] = (
        rows.rename_columns({"recorded_at": "event_timestamp"}) for rows in accepted_rows(use_case, window_id, features)
    )
    if use_case.derives:
        wanted = ", ".join(f"d.{column.name}::{column.sql_type} AS {column.name}" for column in features)
        statement = (
            f"WITH derived AS ({use_case.sql('features').strip().rstrip(';')}\n) "
            f"SELECT d.row_no, d.{key}, d.event_timestamp, t.label, {wanted} "
            "FROM derived AS d JOIN typed AS t USING (row_no) ORDER BY d.event_timestamp, d.row_no"
        )
        typed = read_features(use_case, statement, given=("typed", typed))
    for rows in typed:
        everyone = pa.array([True] * len(rows), pa.bool_())
        taught = rows.append_column("first_recorded_at", rows["event_timestamp"]).append_column("donor", everyone)
        yield with_content_hash(taught, [column.name for column in features])
