"""Which entities become training rows, at which time, with which label: the entity side of the point-in-time join."""

from datetime import UTC, datetime, timedelta

from leadmill import names
from leadmill.features.closed import closed_sql
from leadmill.spec import UseCase
from leadmill.storage.ddl import label_columns


def entity_rows_sql(
    use_case: UseCase, cutoff: datetime, since: datetime | None = None, window: int | None = None
) -> str:
    """SQL of the training rows as known at ``cutoff``: key, event_timestamp (of the join), as_of, label, weight.

    ``since``: only those with a later ``as_of``; of events it then costs what came in since. ``window``: only by what
    windows up to that number wrote, which the join then heeds too (``through_window``): the same rows at any time.
    """
    rows = _by_age if use_case.has_events else _known_at_load
    statement = rows(use_case, cutoff, since, window)
    if window is None:
        return statement
    return f"SELECT *, {window:d}::bigint AS {names.THROUGH_WINDOW} FROM ({statement}) AS known"


def labels_sql(use_case: UseCase, window: int | None) -> str:
    """SQL of a relation of the outcomes: all that are known, or as windows up to ``window`` had left them."""
    labels = names.labels_table(use_case)
    if window is None:
        return labels
    columns = ", ".join(column.name for column in label_columns(use_case))
    return (
        f"(SELECT {columns} FROM {labels} WHERE window_id <= {window:d} UNION ALL "
        f"SELECT {columns} FROM {names.replaced_labels_table(use_case)} "
        f"WHERE window_id <= {window:d} AND replaced_by > {window:d})"
    )


def _written(window: int | None, rows: str) -> str:
    return "" if window is None else f" AND {rows}window_id <= {window:d}"


def _known_at_load(use_case: UseCase, cutoff: datetime, since: datetime | None, window: int | None) -> str:
    """One row per labelled entity of a snapshot whose labels are known at load.

    ``event_timestamp`` is the cut-off, so the join takes what was written by then; ``as_of`` is the time of the
    entity's newest row, which orders the temporal split.
    """
    key, moment = use_case.entity.key, _timestamp(cutoff)
    return (
        f"SELECT l.{key}, {moment} AS event_timestamp, f.event_timestamp AS as_of, l.label, "
        "1.0::float8 AS weight "
        f"FROM (SELECT DISTINCT ON ({key}) {key}, label FROM {labels_sql(use_case, window)} AS l "
        f"WHERE known_at <= {moment} AND label IS NOT NULL ORDER BY {key}, known_at DESC) AS l "
        f"JOIN (SELECT DISTINCT ON ({key}) {key}, event_timestamp FROM {names.features_table(use_case)} "
        f"WHERE event_timestamp <= {moment} AND created_timestamp <= {moment}"
        f"{_written(window, '')} ORDER BY {key}, event_timestamp DESC) "
        f"AS f USING ({key})" + (f" WHERE f.event_timestamp > {_timestamp(since)}" if since else "")
    )


def _by_age(use_case: UseCase, cutoff: datetime, since: datetime | None, window: int | None) -> str:
    """One row per entity and declared age at which it had features and was open, once the label is certain.

    The label is whether a positive outcome occurred in (as_of, as_of + horizon], or with ``label.aggregate`` the sum of
    what did, of records of one time the newest; every class enters only when the horizon and the lag have passed. An
    entity that had closed by ``as_of`` is left out even where that was recorded later; so is one that closed without an
    outcome (was deleted) within the horizon. Weights are 1/n per entity, n the ages that have matured, whether it was
    still open or not: counting its rows would give those that close early, as the positive ones do, more weight, and
    probabilities too high.
    """
    key, labels, moment = use_case.entity.key, labels_sql(use_case, window), _timestamp(cutoff)
    ages = ", ".join(_interval(age) for age in use_case.as_of)
    horizon = _interval(use_case.label.horizon or timedelta(0))
    within = (
        f"l.{key} = a.{key} AND l.known_at <= {moment} AND l.occurred_at > a.as_of "
        f"AND l.occurred_at <= a.as_of + {horizon}"
    )
    # A positive outcome is certain whatever came after it; a sum is not.
    positive = "" if use_case.label.aggregate else "label = 1 OR "
    oldest = _interval(max(use_case.as_of))
    # Whole entities, or the weights would count the ages that are left.
    reached = f"first_recorded_at > {_timestamp(since)} - {oldest} AND " if since else ""
    later = f"a.as_of > {_timestamp(since)} AND " if since else ""
    closed_by_then = (
        f"coalesce((SELECT l.closed FROM {labels} AS l WHERE l.{key} = a.{key} AND l.occurred_at <= a.as_of "
        f"AND l.known_at <= {moment} ORDER BY l.occurred_at DESC, l.known_at DESC LIMIT 1), false)"
    )
    return (
        f"WITH aged AS (SELECT {key}, first_recorded_at + age AS as_of, count(*) OVER (PARTITION BY {key}) AS n "
        f"FROM {names.entities_table(use_case)} CROSS JOIN unnest(ARRAY[{ages}]) AS age "
        f"WHERE {reached}first_recorded_at + age + {_interval(use_case.label.matures_after)} <= {moment}), "
        f"labelled AS (SELECT a.{key}, a.as_of, a.n, {_label(use_case, labels, within)} AS label, "
        f"EXISTS (SELECT FROM {labels} AS l WHERE {within} AND l.closed AND l.label IS NULL) AS censored "
        f"FROM aged AS a WHERE {later}NOT {closed_by_then} "
        f"AND NOT {closed_sql(use_case, f'a.{key}', 'a.as_of', labels)} "
        f"AND EXISTS (SELECT FROM {names.features_table(use_case)} AS f WHERE f.{key} = a.{key} "
        f"AND f.event_timestamp <= a.as_of{_written(window, 'f.')})) "
        f"SELECT {key}, as_of AS event_timestamp, as_of, label, "
        f"1.0::float8 / n AS weight FROM labelled WHERE {positive}NOT censored"
    )


def _label(use_case: UseCase, labels: str, within: str) -> str:
    """SQL of the label of a row by its outcomes ``within``."""
    if use_case.label.aggregate is None:
        return f"EXISTS (SELECT FROM {labels} AS l WHERE {within} AND l.label = 1)::int"
    return (
        "(SELECT coalesce(sum(one.label), 0)::float8 FROM (SELECT DISTINCT ON (l.occurred_at) l.label "
        f"FROM {labels} AS l WHERE {within} ORDER BY l.occurred_at, l.known_at DESC) AS one)"
    )


def _timestamp(moment: datetime) -> str:
    return f"TIMESTAMPTZ '{moment.astimezone(UTC).isoformat()}'"


def _interval(duration: timedelta) -> str:
    return f"interval '{duration.total_seconds():.0f} seconds'"
