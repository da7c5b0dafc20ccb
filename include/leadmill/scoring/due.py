"""Who is to be scored: the entities whose features or champion changed since their published score."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.features.closed import closed_sql
from leadmill.scoring.shown import Shown
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.storage.joins import FEW, one_by_one

# Room for the keys of a million entities, and no helpers, each of whom would sort or hash them all once more.
ONE_PROCESS = ("SET LOCAL work_mem = '64MB'", "SET LOCAL max_parallel_workers_per_gather = 0")
# Up to one in so many of the entities that are shown are looked up, too.
_IN = 10


@dataclass(frozen=True)
class Due:
    """How many entities are due, and how many of them have a score now; None where some have a newer one."""

    entities: int
    replaces: int | None


def due(use_case: UseCase, version: str = ":version", among: str | None = None) -> str:
    """SQL: key and times of the newest features of the entities to be scored. Nobody else says who is due.

    Those that are not closed and have no score, or one by another version than ``version`` (a placeholder), of other
    features, or made before these features were written. ``among`` is SQL of keys that are looked at alone, one by one.
    Beside each stand the times of the score that it has, ``shown_at`` and ``shown_of``.
    """
    key, features = use_case.entity.key, names.features_table(use_case)
    times = f"{key}, event_timestamp, created_timestamp"
    # Backwards is how the primary key's index gives them in this order: nothing is sorted.
    newest = (
        f"SELECT DISTINCT ON ({key}) {times} FROM {features} "
        f"ORDER BY {key} DESC, event_timestamp DESC, created_timestamp DESC"
    )
    held = f"LEFT JOIN {names.scores_table(use_case)} AS s ON s.{key} = f.{key}"
    if among:
        newest = (
            f"SELECT one.* FROM ({among}) AS changed CROSS JOIN LATERAL (SELECT {times} FROM {features} AS h "
            f"WHERE h.{key} = changed.{key} ORDER BY event_timestamp DESC, created_timestamp DESC LIMIT 1) AS one"
        )
        held = (
            f"LEFT JOIN LATERAL (SELECT * FROM {names.scores_table(use_case)} AS o WHERE o.{key} = f.{key} LIMIT 1) "
            "AS s ON true"
        )
    return (
        f"SELECT f.*, s.scored_at AS shown_at, s.feature_timestamp AS shown_of FROM ({newest}) AS f {held} "
        f"WHERE (s.{key} IS NULL OR s.model_version <> {version} OR s.feature_timestamp <> f.event_timestamp "
        "OR f.created_timestamp > s.scored_at) "
        f"AND NOT {closed_sql(use_case, f'f.{key}')}"
    )


def count_due(use_case: UseCase, version: str) -> int:
    """How many entities wait for a score by that version."""
    with engine().connect() as connection:
        counted = connection.execute(text(f"SELECT count(*) FROM ({due(use_case)}) AS due"), {"version": version})
        count: int = counted.scalar_one()
    return count


def list_due(
    connection: Connection, use_case: UseCase, generation: int, version: str, moment: datetime, now: Shown
) -> Due:
    """Write who is due at ``moment`` down in a table of the run's own, which publishing drops.

    A crash of the server empties it; whoever scores counts. Where what is shown is complete and few entities have
    changed since, only these are looked at.
    """
    table = names.due_table(use_case, generation)
    for setting in ONE_PROCESS:
        connection.execute(text(setting))
    # Left where somebody emptied the table of runs, whose numbers then begin again.
    connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    values = {"version": version, "through": now.complete_through}
    statement = "CREATE UNLOGGED TABLE {table} AS {query}"
    if now.complete_for == version and _few(connection, use_case, now):
        with one_by_one(connection):
            query = due(use_case, among=changed_keys(use_case, "UNION"))
            made = connection.execute(text(statement.format(table=table, query=query)), values)
    else:
        made = connection.execute(text(statement.format(table=table, query=due(use_case))), values)
    connection.execute(text(f"COMMENT ON TABLE {table} IS 'Who is to be scored in the run at work'"))
    replaces, newer = connection.execute(
        text(
            "SELECT count(shown_at), count(*) FILTER (WHERE "
            "(shown_at, shown_of) > (greatest(created_timestamp, :moment), event_timestamp)) "
            f"FROM {table}"
        ),
        {"moment": moment},
    ).one()
    return Due(made.rowcount, None if newer else replaces)


def changed_keys(use_case: UseCase, united: str) -> str:
    """SQL: keys with features or outcomes (which may reopen) of windows after ``:through``."""
    key = use_case.entity.key
    return f" {united} ".join(
        f"SELECT {key} FROM {table} WHERE window_id > :through"
        for table in (names.features_table(use_case), names.labels_table(use_case))
    )


def _few(connection: Connection, use_case: UseCase, now: Shown) -> bool:
    """Whether few entities can have changed since what is shown was complete; they are then looked up one by one."""
    if now.complete_through is None:
        return False
    most = max(FEW, now.totals.total() // _IN)
    with one_by_one(connection):
        found = connection.execute(
            text(f"SELECT count(*) FROM ({changed_keys(use_case, 'UNION ALL')} LIMIT :most) AS changed"),
            {"through": now.complete_through, "most": most},
        )
    few: bool = found.scalar_one() < most
    return few


def parts(connection: Connection, use_case: UseCase, generation: int, size: int) -> list[tuple[str, int]]:
    """Last key and number of rows of each part of ``size`` keys, in the order of the keys."""
    key = use_case.entity.key
    found = connection.execute(
        text(
            f"WITH numbered AS (SELECT {key}, row_number() OVER (ORDER BY {key}) - 1 AS n "
            f"FROM {names.due_table(use_case, generation)}) "
            f"SELECT max({key}) AS last, count(*) AS rows FROM numbered GROUP BY n / :size ORDER BY n / :size"
        ),
        {"size": size},
    )
    return [(str(row.last), int(row.rows)) for row in found]
