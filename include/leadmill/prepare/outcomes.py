"""Outcomes of a window, by the use case's ``sql/labels.sql`` over its accepted rows."""

from leadmill import names
from leadmill.spec import UseCase


def outcomes_sql(use_case: UseCase) -> str:
    """SQL with one bound value, ``window``: key, label, closed, occurred_at and known_at of each outcome.

    ``sql/labels.sql`` reads the relation ``accepted``: of a snapshot the accepted rows (key, recorded_at, label), which
    are staged when the window is published, of an event source the typed facts of the window.
    """
    rows = (
        f"SELECT window_id, row_no, event_timestamp AS recorded_at, {use_case.entity.key}, label "
        f"FROM {names.staging_table(use_case)} AS s WHERE window_id = :window AND NOT EXISTS ("
        f"SELECT FROM {names.rejected_table(use_case)} AS r WHERE r.window_id = :window AND r.row_no = s.row_no)"
    )
    facts = f"SELECT * FROM {names.facts_table(use_case)} WHERE window_id = :window"
    query = use_case.sql("labels").strip().rstrip(";")
    return f"WITH accepted AS ({facts if use_case.has_events else rows}) SELECT * FROM ({query}\n) AS outcomes"
