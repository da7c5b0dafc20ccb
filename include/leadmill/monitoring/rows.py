"""The rows whose distributions are compared: features at the declared ages, once in the training data, once recently.

The age of a row tells much about it (a lead of a day has few visits), so each row names its age: the reference can
then be weighed to the ages of the recent rows, and a week with many new leads is no drift.

Of very many entities a sample is taken by a hash of the key, the same ones each time: 50,000 tell any difference that
matters, and a look costs the same whatever the tables hold.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.features.closed import closed_sql
from leadmill.features.training_rows import entity_rows_sql
from leadmill.spec import UseCase

MOST_ENTITIES = 50_000


def parts(connection: Connection, use_case: UseCase, since: datetime | None, until: datetime) -> int:
    """Into how many parts the entities of (since, until] fall of which one is enough; None: from the beginning."""
    table, column, span = names.features_table(use_case), "event_timestamp", timedelta(0)
    if use_case.has_events:
        table, column, span = names.entities_table(use_case), "first_recorded_at", max(use_case.as_of)
    counted = connection.execute(
        text(
            f"SELECT count(*) FROM {table} WHERE {column} <= :until "
            f"AND (CAST(:since AS timestamptz) IS NULL OR {column} > :since)"
        ),
        {"since": since and since - span, "until": until},
    ).scalar_one()
    return max(1, -(-int(counted) // MOST_ENTITIES))


def training_rows_sql(use_case: UseCase, cutoff: datetime, parts: int = 1) -> str:
    """SQL of the labelled training rows as known at ``cutoff``: the columns of the features table, and ``_age``.

    ``_age`` is the position of the row's age in the spec's ``as_of``, from 1, and 0 for a snapshot; no feature can
    have such a name. Of ``parts`` parts of the entities the first is taken.
    """
    key, sampled = use_case.entity.key, _sampled(use_case, "t", parts)
    moment = f"TIMESTAMPTZ '{cutoff.astimezone(UTC).isoformat()}'"
    if not use_case.has_events:
        known = _as_of(use_case, "t.as_of", f"AND created_timestamp <= {moment}")
        rows = (
            f"SELECT f.*, 0 AS _age FROM ({entity_rows_sql(use_case, cutoff)}) AS t "
            f"JOIN LATERAL ({known}) AS f ON true WHERE {sampled}"
        )
        return rows.replace(":", r"\:")
    rows = (
        f"SELECT f.*, array_position({_ages(use_case)}, t.as_of - e.first_recorded_at)::int AS _age "
        f"FROM ({entity_rows_sql(use_case, cutoff)}) AS t JOIN {names.entities_table(use_case)} AS e USING ({key}) "
        f"JOIN LATERAL ({_as_of(use_case, 't.as_of')}) AS f ON true WHERE {sampled}"
    )
    return rows.replace(":", r"\:")


def recent_rows_sql(use_case: UseCase, parts: int = 1) -> str:
    """SQL of the same columns, for the rows of (``:since``, ``:until``]; sampled alike.

    Of events: every declared age that an entity reached in that time, if it was open then as far as is known now. Of a
    snapshot: each entity's newest row of that time.
    """
    key, features = use_case.entity.key, names.features_table(use_case)
    if not use_case.has_events:
        return (
            f"SELECT DISTINCT ON ({key}) t.*, 0 AS _age FROM {features} AS t "
            f"WHERE event_timestamp > :since AND event_timestamp <= :until AND {_sampled(use_case, 't', parts)} "
            f"ORDER BY {key}, event_timestamp DESC, created_timestamp DESC"
        )
    closed_by_then = (
        f"coalesce((SELECT l.closed FROM {names.labels_table(use_case)} AS l WHERE l.{key} = t.{key} "
        "AND l.occurred_at <= t.as_of ORDER BY l.occurred_at DESC LIMIT 1), false)"
    )
    return (
        f"SELECT f.*, t._age FROM (SELECT e.{key}, e.first_recorded_at + a.age AS as_of, a.number::int AS _age "
        f"FROM unnest({_ages(use_case)}) WITH ORDINALITY AS a (age, number) "
        f"JOIN {names.entities_table(use_case)} AS e ON e.first_recorded_at > :since - a.age "
        f"AND e.first_recorded_at <= :until - a.age AND {_sampled(use_case, 'e', parts)}) AS t "
        f"JOIN LATERAL ({_as_of(use_case, 't.as_of')}) AS f ON true "
        f"WHERE NOT {closed_by_then} AND NOT {closed_sql(use_case, f't.{key}', 't.as_of')}"
    )


def _as_of(use_case: UseCase, moment: str, further: str = "") -> str:
    key = use_case.entity.key
    return (
        f"SELECT * FROM {names.features_table(use_case)} AS x WHERE x.{key} = t.{key} AND event_timestamp <= {moment} "
        f"{further} ORDER BY event_timestamp DESC, created_timestamp DESC LIMIT 1"
    )


def _sampled(use_case: UseCase, rows: str, parts: int) -> str:
    """SQL of whether an entity is in the first part."""
    return f"(hashtextextended(CAST({rows}.{use_case.entity.key} AS text), 0) & 2147483647) % {parts} = 0"


def _ages(use_case: UseCase) -> str:
    ages = ", ".join(f"interval '{age.total_seconds():.0f} seconds'" for age in use_case.as_of)
    return f"ARRAY[{ages}]"
