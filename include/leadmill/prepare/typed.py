"""Typed rows: the accepted raw rows of a window, canonical and of the declared types, nothing filled yet."""

from leadmill import names
from leadmill.quality.values import prepared
from leadmill.spec import UseCase


def typed_rows_sql(use_case: UseCase, window_id: int) -> str:
    """SQL of a snapshot's rows of one window, in the order of event_timestamp and row_no.

    Columns: row_no, key, event_timestamp, first_recorded_at (the same), donor (every row teaches), content_hash and
    the feature columns. ``sql/features.sql`` of the use case reads the relation ``typed`` and gives the same back.
    """
    key = use_case.entity.key
    stored_key = use_case.entity.canonical(f"batch.{key}")
    columns = ", ".join(f"{prepared(column)} AS {column.name}" for column in use_case.feature_columns)
    wanted = ", ".join(column.name for column in use_case.feature_columns)
    return (
        f"WITH typed AS (SELECT batch.row_no, {stored_key} AS {key}, batch.recorded_at AS event_timestamp, "
        f"{columns} "
        f"FROM {names.raw_table(use_case)} AS batch WHERE batch.window_id = {window_id:d} AND NOT EXISTS ("
        f"SELECT FROM {names.rejected_table(use_case)} AS r WHERE r.window_id = {window_id:d} AND r.suite = 'raw' "
        f"AND r.row_no = batch.row_no)), derived AS ({use_case.sql('features').strip().rstrip(';')}\n) "
        f"SELECT row_no, {key}, event_timestamp, event_timestamp AS first_recorded_at, true AS donor, "
        f"encode(sha256(convert_to(ROW({wanted})::text, 'UTF8')), 'hex') AS content_hash, {wanted} "
        "FROM derived ORDER BY event_timestamp, row_no"
    ).replace(r"\:", ":")
