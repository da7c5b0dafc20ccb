"""Who is to be scored: the entities whose features or champion changed since their published score."""

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.features.closed import closed_sql
from leadmill.spec import UseCase
from leadmill.storage.database import engine

# Room for the keys of a million entities, and no helpers, each of whom would sort or hash them all once more.
ONE_PROCESS = ("SET LOCAL work_mem = '64MB'", "SET LOCAL max_parallel_workers_per_gather = 0")


def due(use_case: UseCase, version: str = ":version") -> str:
    """SQL: key and times of the newest features of the entities to be scored. Nobody else says who is due.

    Those that are not closed and have no score, or one by another version than ``version`` (a placeholder), of other
    features, or made before these features were written.
    """
    key = use_case.entity.key
    return (
        # Backwards is how the primary key's index gives them in this order: nothing is sorted.
        f"SELECT f.* FROM (SELECT DISTINCT ON ({key}) {key}, event_timestamp, created_timestamp "
        f"FROM {names.features_table(use_case)} "
        f"ORDER BY {key} DESC, event_timestamp DESC, created_timestamp DESC) AS f "
        f"LEFT JOIN {names.scores_table(use_case)} AS s ON s.{key} = f.{key} "
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


def list_due(connection: Connection, use_case: UseCase, generation: int, version: str) -> int:
    """Write who is due down in a table of the run's own, which publishing drops; how many there are.

    A crash of the server empties it; whoever scores counts.
    """
    table = names.due_table(use_case, generation)
    for setting in ONE_PROCESS:
        connection.execute(text(setting))
    # Left where somebody emptied the table of runs, whose numbers then begin again.
    connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    made = connection.execute(text(f"CREATE UNLOGGED TABLE {table} AS {due(use_case)}"), {"version": version})
    connection.execute(text(f"COMMENT ON TABLE {table} IS 'Who is to be scored in the run at work'"))
    return made.rowcount


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
