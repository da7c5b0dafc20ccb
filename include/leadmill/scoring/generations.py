"""Generations: every scoring run writes its rows under a number of its own, which nobody sees until it is published."""

from dataclasses import asdict, dataclass
from datetime import datetime

import psycopg
from sqlalchemy import Connection, text

from leadmill import names
from leadmill.scoring.shown import Totals, read, written
from leadmill.spec import UseCase


def lock(connection: Connection, use_case: UseCase) -> None:
    """Let one transaction at a time change which scores are shown; readers never wait for it."""
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"leadmill/{use_case.name}/scores"}
    )


def begin(connection: Connection, use_case: UseCase, run_id: str, moment: datetime) -> int:
    """The run's generation, empty: what an earlier attempt wrote is removed."""
    lock(connection, use_case)
    found = unpublished(connection, use_case, run_id)
    if found is not None:
        _discard(connection, use_case, found)
    made = connection.execute(
        text(
            f"INSERT INTO {names.score_runs_table(use_case)} (generation, run_id, planned_at, shown) "
            f"SELECT coalesce(max(generation), 0) + 1, :run, :moment, false FROM {names.score_runs_table(use_case)} "
            "RETURNING generation"
        ),
        {"run": run_id, "moment": moment},
    )
    generation: int = made.scalar_one()
    return generation


def unpublished(connection: Connection, use_case: UseCase, run_id: str) -> int | None:
    """The generation in which the run is at work, or None."""
    run = at_work(connection, use_case, run_id)
    return None if run is None else run.generation


@dataclass(frozen=True)
class Run:
    """A run at work, and what it was planned on; None in a field where it was not planned to its end.

    ``window`` is the newest window that was published then (0: none), ``publications`` how many runs were.
    """

    generation: int
    version: str | None
    window: int | None
    publications: int | None
    due: int | None
    replaces: int | None


def at_work(connection: Connection, use_case: UseCase, run_id: str) -> Run | None:
    """The run's work that is not published, or None."""
    row = connection.execute(
        text(
            "SELECT generation, model_version, window_id, publications, due, replaces "
            f"FROM {names.score_runs_table(use_case)} WHERE run_id = :run AND published IS NULL"
        ),
        {"run": run_id},
    ).one_or_none()
    return None if row is None else Run(*row)


def planned(connection: Connection, use_case: UseCase, run: Run) -> None:
    """Write down what the run was planned on."""
    connection.execute(
        text(
            f"UPDATE {names.score_runs_table(use_case)} SET model_version = :version, window_id = :window, "
            "publications = :publications, due = :due, replaces = :replaces WHERE generation = :generation"
        ),
        asdict(run),
    )


def hold(connection: psycopg.Connection, use_case: UseCase, generation: int) -> bool:
    """Whether a run is at work in that generation; until the transaction ends, nobody removes it."""
    found = connection.execute(
        f"SELECT FROM {names.score_runs_table(use_case)} "
        "WHERE generation = %s AND published IS NULL FOR KEY SHARE".encode(),
        [generation],
    )
    return found.rowcount == 1


def wrote(connection: psycopg.Connection, use_case: UseCase, generation: int, chunk: int, totals: Totals) -> None:
    """Write down what a chunk has written, in the transaction that writes it; it replaces what an earlier try wrote."""
    connection.execute(
        f"UPDATE {names.score_runs_table(use_case)} SET written = coalesce(written, '{{}}') || "
        "jsonb_build_object(%s::text, %s::jsonb) WHERE generation = %s".encode(),
        [chunk, written(totals), generation],
    )


def staged(connection: Connection, use_case: UseCase, generation: int) -> Totals:
    """What the chunks of a run have written."""
    found = connection.execute(
        text(
            f"SELECT one.value FROM {names.score_runs_table(use_case)}, jsonb_each(written) AS one "
            "WHERE generation = :generation"
        ),
        {"generation": generation},
    )
    return sum(map(read, found.scalars()), Totals())


def publications(connection: Connection, use_case: UseCase) -> int:
    """How many runs are published."""
    counted = connection.execute(text(f"SELECT count(published) FROM {names.score_runs_table(use_case)}"))
    count: int = counted.scalar_one()
    return count


def published_rows(connection: Connection, use_case: UseCase, run_id: str) -> tuple[int, int]:
    """How many rows the run has brought in all it published, and how many of them became scores."""
    row = connection.execute(
        text(
            "SELECT coalesce(sum(staged), 0)::bigint, coalesce(sum(published), 0)::bigint "
            f"FROM {names.score_runs_table(use_case)} WHERE run_id = :run"
        ),
        {"run": run_id},
    ).one()
    return row[0], row[1]


def close(connection: Connection, use_case: UseCase, generation: int, staged: int, published: int) -> None:
    """Write down that the run of ``generation`` is published: rows that it brought, and that became scores."""
    connection.execute(
        text(
            f"UPDATE {names.score_runs_table(use_case)} SET staged = :staged, published = :published "
            "WHERE generation = :generation"
        ),
        {"staged": staged, "published": published, "generation": generation},
    )
    _drop_due(connection, use_case, generation)


def discard_abandoned(connection: Connection, use_case: UseCase) -> None:
    """Remove what runs left that ended without publishing, a day before the newest that did; one at work keeps its own.

    Call it under the lock.
    """
    abandoned = connection.execute(
        text(
            f"SELECT generation FROM {names.score_runs_table(use_case)} WHERE published IS NULL AND planned_at < "
            f"(SELECT max(planned_at) FROM {names.score_runs_table(use_case)} WHERE published IS NOT NULL) "
            "- interval '1 day'"
        )
    )
    for generation in abandoned.scalars().all():
        _discard(connection, use_case, generation)
    kept = connection.execute(
        text(
            f"SELECT generation FROM {names.score_runs_table(use_case)} JOIN pg_class AS c "
            "ON c.relname = :before || generation AND c.relnamespace = to_regnamespace('staging') "
            "WHERE published IS NOT NULL"
        ),
        {"before": f"{use_case.name}_due_"},
    )
    for generation in kept.scalars().all():
        _drop_due(connection, use_case, generation)


def _discard(connection: Connection, use_case: UseCase, generation: int) -> None:
    _drop_due(connection, use_case, generation)
    # First the run, which a chunk holds that is at work: then its rows are there to be removed too.
    for table in (names.score_runs_table(use_case), names.score_rows_table(use_case)):
        connection.execute(text(f"DELETE FROM {table} WHERE generation = :generation"), {"generation": generation})


def _drop_due(connection: Connection, use_case: UseCase, generation: int) -> None:
    """Drop the list of a run, unless somebody reads it, as a backup does: nobody waits, a later run drops it."""
    connection.execute(
        text(
            "DO $$ BEGIN SET LOCAL lock_timeout = '50ms'; "
            f"DROP TABLE IF EXISTS {names.due_table(use_case, generation)}; "
            "EXCEPTION WHEN lock_not_available THEN NULL; END $$"
        )
    )
    connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
