"""The staged scores of a run become the published ones, in one transaction."""

from dataclasses import dataclass

from sqlalchemy import text

from leadmill import names
from leadmill.clock import source_now
from leadmill.faults import kill_point
from leadmill.spec import UseCase
from leadmill.storage.database import engine


@dataclass(frozen=True)
class ScoreSummary:
    """What a run left: rows it published, all published rows, how many of those are stale, and rows per band."""

    run_id: str
    published: int
    total: int
    stale: int
    bands: dict[str, int]
    model_versions: tuple[str, ...]


_VALUES = (
    "probability",
    "band",
    "percentile",
    "reasons",
    "status",
    "model_version",
    "feature_timestamp",
    "scored_at",
    "run_id",
)


def publish_scores(use_case: UseCase, run_id: str) -> ScoreSummary:
    """Publish what ``run_id`` staged: scores and history together, then an empty staging table, all or nothing.

    Readers see the old scores or the new ones. What other runs left in staging is dropped with it, so it can never be
    published later, and a score never replaces one that was made later. Every row's status is brought up to date: a
    row is stale when the entity's newest row was rejected, or when the newest published window ended longer than
    ``score.stale_after`` before the source's now.
    """
    values = {
        "run": run_id,
        "name": use_case.name,
        "deadline": source_now(use_case) - use_case.score.stale_after,
    }
    with engine().begin() as connection:
        connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"leadmill/{use_case.name}/scores"}
        )
        connection.execute(text(_move(use_case)), values)
        connection.execute(text(f"DELETE FROM {names.scores_staging_table(use_case)}"))
        connection.execute(text(_refresh(use_case)), values)
        kill_point("score.before_publish_commit")
    kill_point("score.after_publish")
    return _summary(use_case, run_id)


def _move(use_case: UseCase) -> str:
    """Staging to scores, and to history what really became a score."""
    key = use_case.entity.key
    values = [use_case.score_column, *_VALUES]
    columns = ", ".join([key, *values])
    given = ", ".join(_status(use_case, "staged") if name == "status" else f"staged.{name}" for name in [key, *values])
    changes = ", ".join(f"{name} = excluded.{name}" for name in values)
    return (
        f"WITH published AS (INSERT INTO {names.scores_table(use_case)} AS s ({columns}) "
        f"SELECT {given} FROM {names.scores_staging_table(use_case)} AS staged WHERE staged.run_id = :run "
        f"ON CONFLICT ({key}) DO UPDATE SET {changes} WHERE s.scored_at <= excluded.scored_at RETURNING {columns}) "
        f"INSERT INTO {names.history_table(use_case)} ({columns}) "
        f"SELECT {columns} FROM published ON CONFLICT DO NOTHING"
    )


def _refresh(use_case: UseCase) -> str:
    """Statuses of all open rows; a closed one is frozen."""
    status = _status(use_case, "s")
    return (
        f"UPDATE {names.scores_table(use_case)} AS s SET status = {status} "
        f"WHERE s.status <> 'closed' AND s.status <> {status}"
    )


def _status(use_case: UseCase, row: str) -> str:
    """SQL: 'stale' or 'fresh' for the score in ``row``. A quiet entity is not stale."""
    given = "lower(btrim(r.key))" if use_case.entity.key_type == "uuid" else "btrim(r.key)"
    return (
        f"CASE WHEN EXISTS (SELECT FROM {names.rejected_table(use_case)} AS r "
        f"WHERE {given} = {row}.{use_case.entity.key}::text AND r.recorded_at > {row}.feature_timestamp) "
        "OR (SELECT max(w.until) FROM ops.windows AS w WHERE w.use_case = :name AND w.status = 'published') "
        ">= :deadline IS NOT TRUE THEN 'stale' ELSE 'fresh' END"
    )


def _summary(use_case: UseCase, run_id: str) -> ScoreSummary:
    scores, history = names.scores_table(use_case), names.history_table(use_case)
    with engine().connect() as connection:
        published = connection.execute(
            text(f"SELECT count(*) FROM {history} WHERE run_id = :run"),
            {"run": run_id},
        ).scalar_one()
        rows = connection.execute(
            text(
                "SELECT band, model_version, count(*) AS rows, count(*) FILTER (WHERE status = 'stale') AS stale "
                f"FROM {scores} GROUP BY band, model_version ORDER BY band, model_version"
            )
        ).all()
    bands: dict[str, int] = dict.fromkeys(use_case.score.bands, 0)
    for row in rows:
        bands[row.band] = bands.get(row.band, 0) + row.rows
    return ScoreSummary(
        run_id=run_id,
        published=published,
        total=sum(bands.values()),
        stale=sum(row.stale for row in rows),
        bands=bands,
        model_versions=tuple(sorted({row.model_version for row in rows})),
    )
