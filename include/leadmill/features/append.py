"""Which rows join the feature history: those that say something new, and those that a late row would else hide."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.extract.windows import Window
from leadmill.spec import UseCase
from leadmill.storage.ddl import feature_columns
from leadmill.storage.late_keys import key_afterwards


@dataclass(frozen=True)
class Staged:
    """How many prepared rows a window has, and of how many entities."""

    rows: int
    entities: int


@dataclass(frozen=True)
class Appended:
    """Rows that joined the history, their entities, and entities that only have rows which the check refused."""

    rows: int
    entities: int
    refused: int


def append_rows(connection: Connection, use_case: UseCase, window: Window, staged: Staged) -> Appended:
    """Append the prepared rows of a window whose values differ from those that the entity had just before.

    Values are compared by their hash before filling, in the order of event time, with the later written last among
    equal times. A snapshot's row that says nothing new makes no feature row, its time alone is kept; where a late row
    comes to stand before it, it does say something new, and the values that it confirmed are appended at its time. An
    event source needs none of that: its moments after a late fact are computed again.

    The row of a newcomer, an entity that has no history and stands here once, is compared to nothing.
    """
    values = {
        "window": window.window_id,
        "now": window.source_now,
        "version": use_case.version,
    }
    connection.execute(text(_take_held(use_case)), values)
    known = connection.execute(text(_list_known(use_case, staged.rows > staged.entities)), values).rowcount
    # Each of them stands here once.
    with key_afterwards(connection, names.features_table(use_case), staged.entities - known):
        newcomers = connection.execute(text(_append_newcomers(use_case)), values).rowcount
    rows, entities = connection.execute(text(_append_known(use_case)), values).one() if known else (0, 0)
    refused = connection.execute(text(_count_refused(use_case)), values).scalar_one()
    return Appended(newcomers + rows, newcomers + entities, refused)


def _take_held(use_case: UseCase) -> str:
    """The history of the window's entities, for whom there is one."""
    key, staged = use_case.entity.key, f"SELECT {use_case.entity.key} FROM {names.staging_table(use_case)}"
    return f"""
        CREATE TEMP TABLE held ON COMMIT DROP AS
        SELECT DISTINCT ON ({key}, event_timestamp) {key}, event_timestamp, created_timestamp, content_hash
        FROM {names.features_table(use_case)} WHERE {key} IN ({staged} WHERE window_id = :window)
        ORDER BY {key}, event_timestamp, created_timestamp DESC
    """


def _list_known(use_case: UseCase, repeated: bool) -> str:
    """Keys of the window that are not newcomers', ``repeated`` where some have several rows in it."""
    key, staging = use_case.entity.key, names.staging_table(use_case)
    several = f"UNION SELECT {key} FROM {staging} WHERE window_id = :window GROUP BY {key} HAVING count(*) > 1"
    return f"CREATE TEMP TABLE known ON COMMIT DROP AS SELECT DISTINCT {key} FROM held {several if repeated else ''}"


def _append_newcomers(use_case: UseCase) -> str:
    key, listed = use_case.entity.key, ", ".join(_values(use_case))
    # In the order of the history's key: so they are cheap to index, and to read by key.
    return f"""
        {_insert(use_case)}
        SELECT {key}, event_timestamp, greatest(:now, event_timestamp), {listed}, :version, content_hash, :window
        FROM {_fit(use_case)} AND NOT EXISTS (SELECT FROM known AS k WHERE k.{key} = s.{key}) ORDER BY {key}
    """


def _insert(use_case: UseCase) -> str:
    """SQL: a row of the history, to be followed by what gives it."""
    return (
        f"INSERT INTO {names.features_table(use_case)} ({use_case.entity.key}, event_timestamp, created_timestamp, "
        f"{', '.join(_values(use_case))}, spec_version, content_hash, window_id)"
    )


def _values(use_case: UseCase) -> list[str]:
    return [*(column.name for column in feature_columns(use_case)), "imputer_version"]


def _fit(use_case: UseCase) -> str:
    """SQL: prepared rows ``s`` that the check did not refuse."""
    return f"{names.staging_table(use_case)} AS s WHERE s.window_id = :window AND NOT EXISTS {_refused(use_case)}"


def _refused(use_case: UseCase) -> str:
    rejected = names.rejected_table(use_case)
    return f"(SELECT FROM {rejected} AS r WHERE r.window_id = :window AND r.suite = 'features' AND r.row_no = s.row_no)"


def _count_refused(use_case: UseCase) -> str:
    key, features = use_case.entity.key, names.features_table(use_case)
    return f"""
        SELECT count(DISTINCT {key}) FROM {names.staging_table(use_case)} AS s
        WHERE s.window_id = :window AND EXISTS {_refused(use_case)}
        AND NOT EXISTS (SELECT FROM {features} AS f WHERE f.{key} = s.{key} AND f.window_id = :window)
    """


def _append_known(use_case: UseCase) -> str:
    """SQL that gives the rows and entities that it appended."""
    key, values = use_case.entity.key, _values(use_case)
    listed, nothing = ", ".join(values), ", ".join("NULL" for _ in values)
    # One pass over the rows as they are, sorted as the history's key is: nothing is joined to them.
    return f"""
        WITH fit AS NOT MATERIALIZED (
            SELECT * FROM {_fit(use_case)} AND {key} IN (SELECT {key} FROM known)
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
        ),{"" if use_case.has_events else _keep_confirmations(use_case)}
        appended AS (
            {_insert(use_case)}
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
        SELECT count(*), count(DISTINCT {key}) FROM appended
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
    key = use_case.entity.key
    return f"""
        SELECT c.{key}, c.recorded_at, greatest(:now, c.recorded_at), h.content_hash, 1, 0, h.spec_version,
            {", ".join(f"h.{name}" for name in values)}
        FROM (
            SELECT DISTINCT e.{key}, r.recorded_at FROM fit AS e JOIN {names.confirmed_table(use_case)} AS r
            ON r.{key} = e.{key} AND r.recorded_at > e.event_timestamp
            WHERE NOT EXISTS (SELECT FROM held WHERE held.{key} = e.{key} AND held.event_timestamp = r.recorded_at)
        ) AS c CROSS JOIN LATERAL (
            SELECT * FROM {names.features_table(use_case)} AS f
            WHERE f.{key} = c.{key} AND f.event_timestamp < c.recorded_at
            ORDER BY f.event_timestamp DESC, f.created_timestamp DESC LIMIT 1
        ) AS h
    """


def _keep_confirmations(use_case: UseCase) -> str:
    key = use_case.entity.key
    return f"""
        confirmed AS (
            INSERT INTO {names.confirmed_table(use_case)} ({key}, recorded_at, window_id)
            SELECT {key}, event_timestamp, :window FROM compared
            WHERE written = 2 AND content_hash IS NOT DISTINCT FROM content_before ON CONFLICT DO NOTHING
        ),"""
