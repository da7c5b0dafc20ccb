"""Which rows join the feature history: those that say something new, and those that a late row would else hide."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.extract.windows import Window
from leadmill.spec import UseCase
from leadmill.storage.ddl import feature_columns


@dataclass(frozen=True)
class Appended:
    """Rows that joined the history, their entities, and entities that only have rows which the check refused."""

    rows: int
    entities: int
    refused: int


def append_rows(connection: Connection, use_case: UseCase, window: Window, earliest: datetime | None) -> Appended:
    """Append the prepared rows of a window whose values differ from those that the entity had just before.

    ``earliest`` is the first event time among the prepared rows. Values are compared by their hash before filling, in
    the order of event time, with the later written last among equal times. A snapshot's row that once said nothing new
    made no feature row; where a late row of this window comes to stand before it, it does say something new, and the
    values that it confirmed are appended at its time. An event source needs none of that: its moments after a late fact
    are computed again.
    """
    values = {
        "window": window.window_id,
        "now": window.source_now,
        "version": use_case.version,
        "earliest": earliest,
    }
    row = connection.execute(text(_statement(use_case)), values).one()
    return Appended(*row)


def _statement(use_case: UseCase) -> str:
    key, staging, rejected = use_case.entity.key, names.staging_table(use_case), names.rejected_table(use_case)
    values = [*(column.name for column in feature_columns(use_case)), "imputer_version"]
    listed, nothing = ", ".join(values), ", ".join("NULL" for _ in values)
    refused = (
        f"(SELECT FROM {rejected} AS r WHERE r.window_id = :window AND r.suite = 'features' AND r.row_no = s.row_no)"
    )
    # One pass over the rows as they are, sorted as the history's key is: nothing is joined to them.
    return f"""
        WITH fit AS NOT MATERIALIZED (
            SELECT * FROM {staging} AS s WHERE s.window_id = :window AND NOT EXISTS {refused}
        ),
        held AS (
            SELECT DISTINCT ON ({key}, event_timestamp) {key}, event_timestamp, created_timestamp, content_hash
            FROM {names.features_table(use_case)} WHERE {key} IN (SELECT {key} FROM fit)
            ORDER BY {key}, event_timestamp, created_timestamp DESC
        ),
        facts AS (
            SELECT {key}, event_timestamp, NULL::timestamptz AS created_timestamp, content_hash, 2 AS written, row_no,
                :version AS spec_version, {listed}
            FROM fit
            UNION ALL
            SELECT {key}, event_timestamp, created_timestamp, content_hash, 0, 0, NULL, {nothing} FROM held
            UNION ALL
            {_refusals(use_case, nothing) if use_case.has_events else _confirmations(use_case, values)}
        ),
        compared AS (
            SELECT *, lag(content_hash) OVER before AS content_before,
                CASE WHEN lag(event_timestamp) OVER before = event_timestamp
                    THEN lag(created_timestamp) OVER before END AS created_before
            FROM facts WINDOW before AS (PARTITION BY {key} ORDER BY event_timestamp, written, row_no)
        ),
        appended AS (
            INSERT INTO {names.features_table(use_case)} (
                {key}, event_timestamp, created_timestamp, {listed}, spec_version, content_hash, window_id
            )
            SELECT {key}, event_timestamp,
                -- Among equal event times the newest created wins, even where the source's clock stands still.
                coalesce(
                    created_timestamp, greatest(:now, event_timestamp, created_before + interval '1 microsecond')
                ),
                {listed}, spec_version, content_hash, :window
            FROM compared
            WHERE written > 0 AND content_hash IS NOT NULL AND content_hash IS DISTINCT FROM content_before
            RETURNING {key}
        )
        SELECT coalesce(sum(rows), 0)::bigint, count(*), (
            SELECT count(*) FROM (
                SELECT {key} FROM {staging} AS s WHERE s.window_id = :window AND EXISTS {refused}
                EXCEPT SELECT {key} FROM appended
            ) AS not_fit
        )
        FROM (SELECT count(*) AS rows FROM appended GROUP BY {key}) AS entity
    """


def _refusals(use_case: UseCase, nothing: str) -> str:
    """After features that were refused, the same good ones are news again: they say that all is well."""
    key = use_case.entity.key
    return f"""
        SELECT e.{key}, r.recorded_at, h.created_timestamp, NULL, 1, 0, NULL, {nothing}
        FROM (SELECT DISTINCT {key} FROM fit) AS e
        JOIN {names.rejected_table(use_case)} AS r ON r.key = e.{key}::text AND r.suite = 'features'
        LEFT JOIN held AS h ON h.{key} = e.{key} AND h.event_timestamp = r.recorded_at
    """


def _confirmations(use_case: UseCase, values: list[str]) -> str:
    """Earlier windows' rows that made no feature row, with the values that they confirmed."""
    key, entity, rejected = use_case.entity.key, use_case.entity, names.rejected_table(use_case)
    same = f"{entity.same_key(f'r.{key}')} = {entity.same_key(f'e.{key}::text')}"
    return f"""
        SELECT c.{key}, c.recorded_at, greatest(:now, c.recorded_at), h.content_hash, 1, 0, h.spec_version,
            {", ".join(f"h.{name}" for name in values)}
        FROM (
            SELECT DISTINCT e.{key}, r.recorded_at
            FROM fit AS e JOIN {names.raw_table(use_case)} AS r
            ON {same} AND r.recorded_at > e.event_timestamp AND r.recorded_at > :earliest AND r.window_id <> :window
            WHERE NOT EXISTS (SELECT FROM {rejected} AS x WHERE x.window_id = r.window_id AND x.row_no = r.row_no)
            AND NOT EXISTS (SELECT FROM held WHERE held.{key} = e.{key} AND held.event_timestamp = r.recorded_at)
        ) AS c CROSS JOIN LATERAL (
            SELECT * FROM {names.features_table(use_case)} AS f
            WHERE f.{key} = c.{key} AND f.event_timestamp < c.recorded_at
            ORDER BY f.event_timestamp DESC, f.created_timestamp DESC LIMIT 1
        ) AS h
    """
