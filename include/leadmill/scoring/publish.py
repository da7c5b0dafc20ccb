"""The rows of a run become the published scores, in one transaction."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.clock import source_now
from leadmill.errors import LeadmillError, ScoresOutdated
from leadmill.faults import kill_point
from leadmill.registry.champion import champion_version
from leadmill.scoring import generations
from leadmill.scoring.alerts_view import ensure_alerts_view
from leadmill.scoring.due import ONE_PROCESS
from leadmill.scoring.status import status_sql
from leadmill.spec import UseCase
from leadmill.storage.database import engine

# Joining more rows than this one by one takes longer than reading all that are shown.
_MANY = 20_000


@dataclass(frozen=True)
class ScoreSummary:
    """What a run left: rows it published, all published rows, how many of those are stale, and rows per band."""

    run_id: str
    published: int
    total: int
    stale: int
    bands: dict[str, int]
    model_versions: tuple[str, ...]


def publish_scores(use_case: UseCase, run_id: str, expected: int | None = None) -> ScoreSummary:
    """Publish what ``run_id`` scored: newest scores and history together, all or nothing; readers never wait.

    Readers see the old scores or the new ones, and a score never replaces one of newer features or made later.
    ``expected`` is how many rows the chunks wrote: LeadmillError when another number is there, unless this run has
    published them before. Raises ScoresOutdated when they are not by the champion. Every row's status is brought up to
    date: a row is stale when the entity's newest row was rejected, or when the newest published window ended longer
    than ``score.stale_after`` before the source's now. What runs left that ended without publishing is removed.
    """
    deadline = source_now(use_case) - use_case.score.stale_after
    with engine().begin() as connection:
        generations.lock(connection, use_case)
        for setting in ONE_PROCESS:
            connection.execute(text(setting))
        new = generations.unpublished(connection, use_case, run_id)
        staged, earliest = _staged(connection, use_case, new, run_id, expected)
        issued = 0 if new is None or not staged else _show(connection, use_case, new, run_id, staged, earliest)
        if new is not None:
            generations.close(connection, use_case, new, staged, issued)
        values = {"name": use_case.name, "deadline": deadline, "issued": run_id if staged else None}
        connection.execute(text(_refresh(use_case)), values)
        generations.discard_abandoned(connection, use_case)
        ensure_alerts_view(connection, use_case)
        kill_point("score.before_publish_commit")
    kill_point("score.after_publish")
    return _summary(use_case, run_id)


def _staged(
    connection: Connection, use_case: UseCase, generation: int | None, run_id: str, expected: int | None
) -> tuple[int, datetime]:
    """How many rows the run has written and not published, and when the first of them was scored."""
    statement = (
        f"SELECT model_version, count(*) AS rows, min(scored_at) AS earliest FROM {names.score_rows_table(use_case)} "
        "WHERE generation = :generation GROUP BY model_version"
    )
    found = connection.execute(text(statement), {"generation": generation}).all()
    staged: int = sum(row.rows for row in found)
    before, _ = generations.published_rows(connection, use_case, run_id)
    again = staged == 0 and before >= (expected or 0)
    if expected is not None and staged != expected and not again:
        raise LeadmillError(
            f"The chunks of run {run_id} staged {expected:,} scores of '{use_case.name}', but {staged:,} are there. "
            f"Nothing was published; run {use_case.name}_score again."
        )
    serving = champion_version(use_case)
    for row in found:
        if row.model_version != serving:
            raise ScoresOutdated(use_case.name, row.model_version, serving)
    return staged, min((row.earliest for row in found), default=datetime.max.replace(tzinfo=UTC))


def _show(connection: Connection, use_case: UseCase, new: int, run_id: str, staged: int, earliest: datetime) -> int:
    """Bring the run's rows and those shown under one generation; how many scores more the run has now.

    Of a run that brings at least half as many rows as are shown, the generation is shown and the others come over to
    it; a smaller one comes into what is shown.
    """
    # Of rows this new Postgres has no figures yet. Both sides come in the order of the primary key and are merged.
    for way in ("hashjoin", "seqscan", *(["nestloop"] if staged > _MANY else [])):
        connection.execute(text(f"SET LOCAL enable_{way} = off"))
    rows, shown = names.score_rows_table(use_case), generations.shown(connection, use_case)
    values = {"new": new, "shown": shown, "run": run_id}
    total, latest = connection.execute(
        text(f"SELECT count(*), max(scored_at) FROM {rows} WHERE generation = :shown"), values
    ).one()
    became = staged
    if total and latest >= earliest:
        became -= connection.execute(text(_outdated(use_case)), values).rowcount
    forgotten = 0
    if generations.published_rows(connection, use_case, run_id)[0]:
        forgotten = connection.execute(text(_forget(use_case)), values).rowcount
    if 2 * became >= total:
        connection.execute(text(_carry_over(use_case)), values)
        generations.show(connection, use_case, new)
    else:
        for statement in _let_in(use_case):
            connection.execute(text(statement), values)
    connection.execute(text("RESET enable_hashjoin; RESET enable_seqscan; RESET enable_nestloop"))
    return became - forgotten


def _outdated(use_case: UseCase) -> str:
    """Rows of the run that are no newer than what is shown never become scores."""
    rows, key = names.score_rows_table(use_case), use_case.entity.key
    return (
        f"DELETE FROM {rows} AS n USING {rows} AS s "
        f"WHERE s.{key} = n.{key} AND n.generation = :new AND s.generation = :shown AND NOT ("
        "(s.scored_at, s.feature_timestamp) <= (n.scored_at, n.feature_timestamp) AND "
        "(s.scored_at, s.feature_timestamp, s.model_version) <> (n.scored_at, n.feature_timestamp, n.model_version))"
    )


def _forget(use_case: UseCase) -> str:
    """Of a run that is run again, what it published before: the history has an entity once per run."""
    rows, key = names.score_rows_table(use_case), use_case.entity.key
    return (
        f"DELETE FROM {rows} AS o USING {rows} AS n "
        f"WHERE n.generation = :new AND o.{key} = n.{key} AND o.run_id = :run AND o.generation <> :new"
    )


def _carry_over(use_case: UseCase) -> str:
    """Shown scores that the run did not replace come into its generation, which is to be shown."""
    rows, key = names.score_rows_table(use_case), use_case.entity.key
    return (
        f"UPDATE {rows} AS s SET generation = :new WHERE s.generation = :shown "
        f"AND NOT EXISTS (SELECT FROM {rows} AS n WHERE n.generation = :new AND n.{key} = s.{key})"
    )


def _let_in(use_case: UseCase) -> tuple[str, str]:
    """The run's rows come into the generation that is shown; those that they replace leave it."""
    rows = names.score_rows_table(use_case)
    return (
        f"UPDATE {rows} AS s SET generation = - n.generation FROM {rows} AS n "
        f"WHERE s.{use_case.entity.key} = n.{use_case.entity.key} "
        "AND n.generation = :new AND s.generation = :shown",
        f"UPDATE {rows} SET generation = :shown WHERE generation = :new",
    )


def _refresh(use_case: UseCase) -> str:
    """Statuses of all rows shown, and of new ones as issued; of a closed entity nothing else ever changes."""
    status = status_sql(use_case, "s")
    return (
        f"UPDATE {names.score_rows_table(use_case)} AS s SET status = {status}, "
        f"issued_status = CASE WHEN s.run_id = :issued THEN {status} ELSE s.issued_status END "
        f"WHERE s.generation = (SELECT generation FROM {names.score_runs_table(use_case)} WHERE shown) "
        f"AND s.status <> {status}"
    )


def _summary(use_case: UseCase, run_id: str) -> ScoreSummary:
    with engine().connect() as connection:
        _, published = generations.published_rows(connection, use_case, run_id)
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
