"""The staged scores of a run become the published ones, in one transaction."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.clock import source_now
from leadmill.errors import LeadmillError, ScoresOutdated
from leadmill.faults import kill_point
from leadmill.features.closed import closed_sql
from leadmill.registry.champion import champion_version
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


def publish_scores(use_case: UseCase, run_id: str, expected: int | None = None) -> ScoreSummary:
    """Publish what ``run_id`` staged: scores and history together, staging cleared of it, all or nothing.

    Readers see the old scores or the new ones, and a score never replaces one of newer features or made later.
    ``expected`` is how many rows the chunks staged: LeadmillError when another number is there, unless this run has
    published them before. Raises ScoresOutdated when they are not by the champion. Every row's status is brought up to
    date: a row is stale when the entity's newest row was rejected, or when the newest published window ended longer
    than ``score.stale_after`` before the source's now.
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
        _check_staged(connection, use_case, run_id, expected)
        connection.execute(text(_move(use_case)), values)
        connection.execute(text(_clear(use_case)), values)
        connection.execute(text(_refresh(use_case)), values)
        kill_point("score.before_publish_commit")
    kill_point("score.after_publish")
    return _summary(use_case, run_id)


def _check_staged(connection: Connection, use_case: UseCase, run_id: str, expected: int | None) -> None:
    statement = (
        f"SELECT model_version, count(*) AS rows FROM {names.scores_staging_table(use_case)} "
        "WHERE run_id = :run GROUP BY model_version"
    )
    found = connection.execute(text(statement), {"run": run_id}).all()
    staged = sum(row.rows for row in found)
    again = staged == 0 and _published(connection, use_case, run_id) >= (expected or 0)
    if expected is not None and staged != expected and not again:
        raise LeadmillError(
            f"The chunks of run {run_id} staged {expected:,} scores of '{use_case.name}', but {staged:,} are there. "
            f"Nothing was published; run {use_case.name}_score again."
        )
    serving = champion_version(use_case)
    for row in found:
        if row.model_version != serving:
            raise ScoresOutdated(use_case.name, row.model_version, serving)


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
        f"ON CONFLICT ({key}) DO UPDATE SET {changes} "
        "WHERE (s.scored_at, s.feature_timestamp) <= (excluded.scored_at, excluded.feature_timestamp) "
        "AND (s.scored_at, s.feature_timestamp, s.model_version) "
        f"<> (excluded.scored_at, excluded.feature_timestamp, excluded.model_version) RETURNING {columns}) "
        f"INSERT INTO {names.history_table(use_case)} ({columns}) "
        f"SELECT {columns} FROM published ON CONFLICT DO NOTHING"
    )


def _clear(use_case: UseCase) -> str:
    """This run's rows, and those of runs that ended without publishing; a run under way keeps its own."""
    return (
        f"DELETE FROM {names.scores_staging_table(use_case)} WHERE run_id = :run "
        f"OR scored_at < (SELECT max(scored_at) FROM {names.scores_table(use_case)}) - interval '1 day'"
    )


def _refresh(use_case: UseCase) -> str:
    """Statuses of all rows; of a closed entity nothing else ever changes."""
    status = _status(use_case, "s")
    return f"UPDATE {names.scores_table(use_case)} AS s SET status = {status} WHERE s.status <> {status}"


def _status(use_case: UseCase, row: str) -> str:
    """SQL: 'closed', 'stale' or 'fresh' for the score in ``row``. A quiet entity is not stale."""
    stored = f"{row}.{use_case.entity.key}"
    return (
        f"CASE WHEN {closed_sql(use_case, stored)} THEN 'closed' "
        f"WHEN {use_case.entity.same_key(f'{stored}::text')} IN ({_refused(use_case)}) "
        "OR (SELECT max(w.until) FROM ops.windows AS w WHERE w.use_case = :name AND w.status = 'published') "
        ">= :deadline IS NOT TRUE THEN 'stale' ELSE 'fresh' END"
    )


def _refused(use_case: UseCase) -> str:
    """SQL: keys, canonical, whose newest row in a published window was rejected; an accepted one takes it back."""
    entity, rejected = use_case.entity, names.rejected_table(use_case)
    return (
        f"SELECT {entity.same_key('r.key')} FROM {rejected} AS r JOIN ops.windows AS w USING (window_id) "
        "WHERE w.status = 'published' AND r.key IS NOT NULL AND NOT EXISTS ("
        f"SELECT FROM {names.raw_table(use_case)} AS a JOIN ops.windows AS v USING (window_id) "
        f"WHERE {entity.same_key(f'a.{entity.key}')} = {entity.same_key('r.key')} "
        "AND a.recorded_at >= r.recorded_at AND v.status = 'published' AND NOT EXISTS ("
        f"SELECT FROM {rejected} AS x WHERE x.window_id = a.window_id AND x.row_no = a.row_no))"
    ) + (_unprepared(use_case) if use_case.has_events else "")


def _unprepared(use_case: UseCase) -> str:
    """SQL, for events: and those whose features were refused after preparation, until newer ones are published."""
    entity, rejected = use_case.entity, names.rejected_table(use_case)
    return (
        f" UNION SELECT {entity.same_key('r.key')} FROM {rejected} AS r JOIN ops.windows AS w USING (window_id) "
        "WHERE w.status = 'published' AND r.suite = 'features' AND NOT EXISTS ("
        f"SELECT FROM {names.features_table(use_case)} AS f WHERE f.{entity.key}::text = r.key "
        "AND (f.event_timestamp > r.recorded_at OR f.event_timestamp = r.recorded_at AND f.window_id > r.window_id))"
    )


def _published(connection: Connection, use_case: UseCase, run_id: str) -> int:
    statement = f"SELECT count(*) FROM {names.history_table(use_case)} WHERE run_id = :run"
    count: int = connection.execute(text(statement), {"run": run_id}).scalar_one()
    return count


def _summary(use_case: UseCase, run_id: str) -> ScoreSummary:
    with engine().connect() as connection:
        published = _published(connection, use_case, run_id)
        rows = connection.execute(
            text(
                "SELECT band, model_version, count(*) AS rows, count(*) FILTER (WHERE status = 'stale') AS stale "
                f"FROM {names.scores_table(use_case)} GROUP BY band, model_version ORDER BY band, model_version"
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
