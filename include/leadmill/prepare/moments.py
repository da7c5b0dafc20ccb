"""When features are computed: the moments of an event source's window."""

import psycopg

from leadmill import names
from leadmill.extract.passing import midnight
from leadmill.extract.windows import Window
from leadmill.prepare.closed import closed_sql
from leadmill.prepare.outcomes import faults_said, outcomes_sql
from leadmill.spec import UseCase
from leadmill.storage.literals import pyformat


def store_moments(connection: psycopg.Connection, use_case: UseCase, window: Window) -> int:
    """Write the moments of the window, numbered by key and time, in the caller's transaction; how many there are.

    An entity that the window touches: the newest recorded time among its facts. While an entity is open: each age of
    ``as_of`` that it reaches in the window, and the last midnight (the daily pass, for windowed features decay without
    any fact). A fact that becomes visible late also brings the entity's ages and midnight after it again. Raises
    LabelsFailed.
    """
    table = names.moments_table(use_case)
    connection.execute(f"DELETE FROM {table} WHERE window_id = %s".encode(), [window.window_id])
    values = {
        "window": window.window_id,
        "since": window.since,
        "until": window.until,
        "midnight": midnight(window.until),
        "ages": list(use_case.as_of),
        "youngest": min(use_case.as_of),
        "facts": window.read,
    }
    with faults_said(use_case):
        written = connection.execute(pyformat(_moments_sql(use_case)).encode(), values).rowcount
    connection.execute(f"ANALYZE {table}".encode())
    return written


def store_past_moments(connection: psycopg.Connection, use_case: UseCase, window: Window) -> int:
    """Write the moments at which features of another version of the spec are in force; how many there are.

    Those are the times of the stored rows, the newest recorded time of every entity and, where it was open, the ages
    that it reached and the last midnight: where nothing that was declared then had changed, such a moment has no row
    of its own, but a feature that is new may have changed by then.
    """
    key, table = use_case.entity.key, names.moments_table(use_case)
    features = names.features_table(use_case)
    connection.execute(f"DELETE FROM {table} WHERE window_id = %s".encode(), [window.window_id])
    statement = f"""
        INSERT INTO {table} (window_id, row_no, {key}, as_of, first_recorded_at, donor)
        WITH passed AS (
            SELECT {key}, first_recorded_at + age AS as_of
            FROM {names.entities_table(use_case)} CROSS JOIN unnest(%(ages)s::interval[]) AS age
            UNION
            SELECT {key}, %(midnight)s FROM {names.entities_table(use_case)}
        ),
        moment AS (
            SELECT {key}, event_timestamp AS as_of FROM {features}
            UNION
            SELECT {key}, max(recorded_at) FROM {names.facts_table(use_case)} GROUP BY {key}
            UNION
            SELECT {key}, as_of FROM passed AS a WHERE as_of <= %(until)s
            AND NOT {closed_sql(use_case, f"a.{key}", "a.as_of")}
        )
        SELECT %(window)s, row_number() OVER (ORDER BY {key}, as_of), {key}, as_of, e.first_recorded_at, false
        FROM moment AS m JOIN {names.entities_table(use_case)} AS e USING ({key}) CROSS JOIN LATERAL (
            SELECT f.spec_version FROM {features} AS f WHERE f.{key} = m.{key} AND f.event_timestamp <= m.as_of
            ORDER BY f.event_timestamp DESC, f.created_timestamp DESC LIMIT 1
        ) AS in_force
        WHERE in_force.spec_version <> %(version)s
    """
    values = {
        "window": window.window_id,
        "version": use_case.version,
        "ages": list(use_case.as_of),
        "midnight": midnight(window.until),
        "until": window.until,
    }
    written = connection.execute(statement.encode(), values).rowcount
    # Without figures on it Postgres joins it row by row with every fact.
    connection.execute(f"ANALYZE {table}".encode())
    return written


def _moments_sql(use_case: UseCase) -> str:
    key, facts, entities = use_case.entity.key, names.facts_table(use_case), names.entities_table(use_case)
    return f"""
        INSERT INTO {names.moments_table(use_case)} (window_id, row_no, {key}, as_of, first_recorded_at, donor)
        WITH touched AS MATERIALIZED (
            SELECT f.{key}, min(f.recorded_at) AS earliest, e.first_recorded_at
            FROM {facts} AS f JOIN {entities} AS e USING ({key}) WHERE f.window_id = :window
            GROUP BY f.{key}, e.first_recorded_at
        ),
        age AS (SELECT unnest(CAST(:ages AS interval[])) AS age),
        passing AS (
            SELECT {key}, first_recorded_at + age AS as_of FROM {entities} CROSS JOIN age
            WHERE (first_recorded_at > CAST(:since AS timestamptz) - age OR CAST(:since AS timestamptz) IS NULL)
            AND first_recorded_at <= :until - age
            UNION
            SELECT {key}, first_recorded_at + age FROM touched CROSS JOIN age
            WHERE first_recorded_at + age BETWEEN earliest AND :until
            UNION
            SELECT {key}, :midnight FROM {entities}
            WHERE first_recorded_at <= :midnight AND (:midnight > CAST(:since AS timestamptz)
                OR CAST(:since AS timestamptz) IS NULL)
            UNION
            SELECT {key}, :midnight FROM touched WHERE first_recorded_at <= :midnight AND earliest <= :midnight
        ),
        outcome AS MATERIALIZED (
            SELECT {key}, closed, occurred_at, known_at FROM ({outcomes_sql(use_case)}) AS of_window
            UNION ALL
            SELECT {key}, closed, occurred_at, known_at FROM {names.labels_table(use_case)} WHERE window_id <> :window
        ),
        last_outcome AS (
            SELECT DISTINCT ON (p.{key}, p.as_of) p.{key}, p.as_of, o.closed
            FROM passing AS p LEFT JOIN outcome AS o ON o.{key} = p.{key} AND o.known_at <= p.as_of
            ORDER BY p.{key}, p.as_of, o.occurred_at DESC NULLS LAST, o.known_at DESC, o.closed DESC
        ),
        due AS (
            SELECT {key}, as_of FROM last_outcome WHERE closed IS NOT TRUE
            UNION
            SELECT f.{key}, max(f.recorded_at) FROM {facts} AS f JOIN touched USING ({key}) GROUP BY f.{key}
        )
        SELECT :window, :facts + row_number() OVER (ORDER BY {key}, as_of), {key}, as_of, e.first_recorded_at,
            as_of = e.first_recorded_at + CAST(:youngest AS interval)
                AND (as_of > :since OR CAST(:since AS timestamptz) IS NULL)
        FROM due JOIN {entities} AS e USING ({key})
    """
