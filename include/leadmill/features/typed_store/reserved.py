"""Columns of an online table that are no feature's."""

from leadmill.names import SYSTEM_COLUMNS

EVENT, CREATED = "event_timestamp", "created_timestamp"
# Order of arrival within a batch, in the temporary table only.
POSITION = "leadmill_position"
# Postgres's own columns cannot be made again, ours must stay apart from a feature of the same name.
TAKEN = SYSTEM_COLUMNS | {EVENT, CREATED, POSITION}
