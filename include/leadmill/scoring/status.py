"""Whether a published score is still to be trusted: fresh, stale or closed."""

from leadmill import names
from leadmill.features.closed import closed_sql
from leadmill.spec import UseCase


def status_sql(use_case: UseCase, row: str) -> str:
    """SQL: 'closed', 'stale' or 'fresh' for the score in ``row``, with ``:name`` and ``:deadline``.

    A quiet entity is not stale. A row is stale when the entity's newest row was rejected, or when the newest published
    window ended before the deadline.
    """
    stored = f"{row}.{use_case.entity.key}"
    return (
        f"CASE WHEN {closed_sql(use_case, stored)} THEN 'closed' "
        f"WHEN {use_case.entity.same_key(f'{stored}::text')} IN ({refused_sql(use_case)}) "
        "OR (SELECT max(w.until) FROM ops.windows AS w WHERE w.use_case = :name AND w.status = 'published') "
        ">= :deadline IS NOT TRUE THEN 'stale' ELSE 'fresh' END"
    )


def refused_sql(use_case: UseCase) -> str:
    """SQL: keys, canonical, whose newest row in a published window was rejected; an accepted one takes it back."""
    entity, rejected = use_case.entity, names.rejected_table(use_case)
    return (
        f"SELECT {entity.same_key('r.key')} FROM {rejected} AS r JOIN ops.windows AS w USING (window_id) "
        "WHERE w.status = 'published' AND r.key IS NOT NULL AND NOT EXISTS ("
        f"SELECT FROM {names.raw_table(use_case)} AS a JOIN ops.windows AS v USING (window_id) "
        f"WHERE {entity.same_key(f'a.{entity.key}')} = {entity.same_key('r.key')} "
        "AND a.recorded_at >= r.recorded_at AND v.status = 'published' AND NOT EXISTS ("
        f"SELECT FROM {rejected} AS x WHERE x.window_id = a.window_id AND x.row_no = a.row_no))"
    ) + (_unprepared(use_case) if use_case.has_events else "")


def _unprepared(use_case: UseCase) -> str:
    """SQL, for events: and those whose features were refused after preparation, until newer ones are published."""
    entity, rejected = use_case.entity, names.rejected_table(use_case)
    return (
        f" UNION SELECT {entity.same_key('r.key')} FROM {rejected} AS r JOIN ops.windows AS w USING (window_id) "
        "WHERE w.status = 'published' AND r.suite = 'features' AND NOT EXISTS ("
        f"SELECT FROM {names.features_table(use_case)} AS f WHERE f.{entity.key}::text = r.key "
        "AND (f.event_timestamp > r.recorded_at OR f.event_timestamp = r.recorded_at AND f.window_id > r.window_id))"
    )
