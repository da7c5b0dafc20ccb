"""Which rows join the feature history: those that say something new, and those that a late row would else hide."""

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.spec import UseCase
from leadmill.storage.ddl import feature_columns


def append_rows(connection: Connection, use_case: UseCase, window_id: int) -> None:
    """Append the prepared rows of a window whose values differ from those that the entity had just before.

    Values are compared by their hash before filling, in the order of event time, with the later written last among
    equal times. A snapshot's row that once said nothing new made no feature row; where a late row of this window comes
    to stand before it, it does say something new, and the values that it confirmed are appended at its time. An event
    source needs none of that: its moments after a late fact are computed again.
    """
    connection.execute(text(_statement(use_case)), {"window": window_id, "version": use_case.version})


def _statement(use_case: UseCase) -> str:
    key, entity = use_case.entity.key, use_case.entity
    features, staging, raw, rejected = (
        names.features_table(use_case),
        names.staging_table(use_case),
        names.raw_table(use_case),
        names.rejected_table(use_case),
    )
    values = ", ".join([*(column.name for column in feature_columns(use_case)), "imputer_version"])
    from_staging = ", ".join(f"fit.{name}" for name in values.split(", "))
    from_features = ", ".join(f"f.{name}" for name in values.split(", "))
    same = f"{entity.same_key(f'r.{key}')} = {entity.same_key(f'e.{key}::text')}"
    confirming = f"""
            SELECT DISTINCT e.{key}, r.recorded_at
            FROM entities AS e JOIN {raw} AS r ON {same} AND r.recorded_at > e.earliest AND r.window_id <> :window
            WHERE NOT EXISTS (SELECT FROM {rejected} AS x WHERE x.window_id = r.window_id AND x.row_no = r.row_no)
            AND NOT EXISTS (SELECT FROM held AS h WHERE h.{key} = e.{key} AND h.event_timestamp = r.recorded_at)
    """
    refused = ""
    if use_case.has_events:
        confirming = f"SELECT {key}, earliest AS recorded_at FROM entities WHERE false"
        # After features that were refused, the same good ones are news again: they say that all is well.
        refused = f"""
            UNION ALL
            SELECT e.{key}, r.recorded_at, NULL, 1, 0
            FROM entities AS e JOIN {rejected} AS r ON r.key = e.{key}::text AND r.suite = 'features'
        """
    return f"""
        WITH fit AS (
            SELECT * FROM {staging} AS s WHERE s.window_id = :window AND NOT EXISTS (
                SELECT FROM {rejected} AS r
                WHERE r.window_id = :window AND r.suite = 'features' AND r.row_no = s.row_no
            )
        ),
        entities AS (
            SELECT {key}, min(event_timestamp) AS earliest FROM fit GROUP BY {key}
        ),
        held AS (
            SELECT DISTINCT ON (f.{key}, f.event_timestamp)
                f.{key}, f.event_timestamp, f.created_timestamp, f.content_hash
            FROM {features} AS f JOIN entities USING ({key})
            ORDER BY f.{key}, f.event_timestamp, f.created_timestamp DESC
        ),
        confirming AS (
            {confirming}
        ),
        confirmed AS (
            SELECT c.{key}, c.recorded_at, h.event_timestamp, h.created_timestamp, h.content_hash
            FROM confirming AS c CROSS JOIN LATERAL (
                SELECT * FROM {features} AS f WHERE f.{key} = c.{key} AND f.event_timestamp < c.recorded_at
                ORDER BY f.event_timestamp DESC, f.created_timestamp DESC LIMIT 1
            ) AS h
        ),
        facts AS (
            SELECT {key}, event_timestamp, content_hash, 0 AS written, 0::bigint AS row_no FROM held
            UNION ALL
            SELECT {key}, recorded_at, content_hash, 1, 0 FROM confirmed
            {refused}
            UNION ALL
            SELECT {key}, event_timestamp, content_hash, 2, row_no FROM fit
        ),
        news AS (
            SELECT * FROM (
                SELECT *, lag(content_hash) OVER (
                    PARTITION BY {key} ORDER BY event_timestamp, written, row_no
                ) AS before
                FROM facts
            ) AS compared
            WHERE before IS DISTINCT FROM content_hash
        )
        INSERT INTO {features} (
            {key}, event_timestamp, created_timestamp, {values}, spec_version, content_hash, window_id
        )
        SELECT
            fit.{key}, fit.event_timestamp,
            -- Among equal event times the newest created wins, even where the source's clock stands still.
            greatest(w.source_now, fit.event_timestamp, held.created_timestamp + interval '1 microsecond'),
            {from_staging}, :version, fit.content_hash, w.window_id
        FROM news JOIN fit USING (row_no) JOIN ops.windows AS w ON w.window_id = :window
        LEFT JOIN held ON held.{key} = fit.{key} AND held.event_timestamp = fit.event_timestamp
        WHERE news.written = 2
        UNION ALL
        SELECT
            f.{key}, c.recorded_at, greatest(w.source_now, c.recorded_at), {from_features},
            f.spec_version, f.content_hash, w.window_id
        FROM news JOIN confirmed AS c ON c.{key} = news.{key} AND c.recorded_at = news.event_timestamp
        JOIN {features} AS f ON f.{key} = c.{key} AND f.event_timestamp = c.event_timestamp
            AND f.created_timestamp = c.created_timestamp
        JOIN ops.windows AS w ON w.window_id = :window
        WHERE news.written = 1
    """
