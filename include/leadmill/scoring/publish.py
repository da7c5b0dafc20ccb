"""The rows of a run become the published scores, in one transaction."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.clock import source_now
from leadmill.errors import LeadmillError, ScoresOutdated
from leadmill.faults import kill_point
from leadmill.registry.champion import champion_version
from leadmill.scoring import generations
from leadmill.scoring.alerts_view import ensure_alerts_view
from leadmill.scoring.due import ONE_PROCESS
from leadmill.scoring.generations import Run
from leadmill.scoring.shown import Shown, Totals, changed, newest_window, show, shown
from leadmill.scoring.status import judge
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.storage.joins import in_order, one_by_one

_KIND = "RETURNING {row}.model_version, {row}.band, {row}.status"


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
    than ``score.stale_after`` before the source's now. What runs left that ended without publishing is removed a day
    later.
    """
    deadline = source_now(use_case) - use_case.score.stale_after
    with engine().begin() as connection:
        generations.lock(connection, use_case)
        for setting in ONE_PROCESS:
            connection.execute(text(setting))
        run = generations.at_work(connection, use_case, run_id)
        staged = _staged(connection, use_case, run, run_id, expected)
        before = shown(connection, use_case)
        # Asked before anything is judged: what a window brings that is published meanwhile is judged next time too.
        now, late = newest_window(connection, use_case), _late(connection, use_case, deadline)
        if before.generation:
            before = replace(before, totals=_judged(connection, use_case, before, late))
        after = before
        if run is not None:
            after, issued = _enter(connection, use_case, run, run_id, before, staged, late)
            generations.close(connection, use_case, run.generation, staged.total(), issued)
        if after.generation:
            show(connection, use_case, replace(after, judged_through=now))
        generations.discard_abandoned(connection, use_case)
        ensure_alerts_view(connection, use_case)
        _, published = generations.published_rows(connection, use_case, run_id)
        kill_point("score.before_publish_commit")
    kill_point("score.after_publish")
    return _summary(use_case, run_id, published, after.totals)


def _staged(connection: Connection, use_case: UseCase, run: Run | None, run_id: str, expected: int | None) -> Totals:
    """What the run has written and not published."""
    found = generations.staged(connection, use_case, run.generation) if run else Totals()
    staged = found.total()
    before, _ = generations.published_rows(connection, use_case, run_id)
    again = staged == 0 and before >= (expected or 0)
    if expected is not None and staged != expected and not again:
        raise LeadmillError(
            f"The chunks of run {run_id} staged {expected:,} scores of '{use_case.name}', but {staged:,} are there. "
            f"Nothing was published; run {use_case.name}_score again."
        )
    serving = champion_version(use_case)
    for version, _, _ in found:
        if version != serving:
            raise ScoresOutdated(use_case.name, version, serving)
    return found


def _judged(connection: Connection, use_case: UseCase, now: Shown, late: bool) -> Totals:
    """The totals of what is shown, its statuses brought up to date."""
    seen = now.judged_through
    return judge(connection, use_case, now.generation, now.totals, late, seen, seen)


def _late(connection: Connection, use_case: UseCase, deadline: datetime) -> bool:
    """Whether nothing has been verified since the deadline."""
    found = connection.execute(
        text(
            "SELECT (max(until) >= :deadline) IS NOT TRUE FROM ops.windows "
            "WHERE use_case = :name AND status = 'published'"
        ),
        {"name": use_case.name, "deadline": deadline},
    )
    late: bool = found.scalar_one()
    return late


def _enter(
    connection: Connection, use_case: UseCase, run: Run, run_id: str, before: Shown, staged: Totals, late: bool
) -> tuple[Shown, int]:
    """Bring the run's rows and those shown under one generation; what is shown then, and how many scores more it has.

    Of a run that brings at least half as many rows as are shown, the generation is shown and the others come over to
    it; a smaller one comes into what is shown.
    """
    alone = run.publications == generations.publications(connection, use_case)
    # Nothing was published since it was planned, and all is here that was due then: so what was found then still holds.
    known = alone and staged.total() == run.due and run.replaces is not None
    after = _complete(run, before, known)
    if not staged:
        return after, 0
    values = {"new": run.generation, "shown": before.generation, "run": run_id}
    arrived = judge(connection, use_case, run.generation, staged, late, run.window or 0, 0)
    with in_order(connection):
        if not known:
            arrived = arrived - changed(connection, _outdated(use_case), values)
            after = _complete(run, before, alone and arrived.total() == run.due)
        became, remaining, forgotten = arrived.total(), before.totals, 0
        if generations.published_rows(connection, use_case, run_id)[0]:
            remaining = remaining - changed(connection, _forget(use_case, "= :shown"), values)
            forgotten = before.totals.total() - remaining.total()
            forgotten += changed(connection, _forget(use_case, "NOT IN (:new, :shown)"), values).total()
        whole = 2 * became >= remaining.total()
        if whole and not (known and run.replaces == remaining.total()):
            arrived = arrived + changed(connection, _carry_over(use_case, not known or bool(run.replaces)), values)
    if whole:
        return replace(after, generation=run.generation, totals=arrived), became - forgotten
    leave, come = _let_in(use_case)
    with one_by_one(connection):
        remaining = remaining - changed(connection, leave, values)
        connection.execute(text(come), values)
    return replace(after, totals=remaining + arrived), became - forgotten


def _complete(run: Run, before: Shown, whole: bool) -> Shown:
    """What is known of completeness with the run's rows, ``whole`` saying that they are all that was due."""
    if whole:
        return replace(before, complete_for=run.version, complete_through=run.window)
    if before.complete_for == run.version:
        return before
    return replace(before, complete_for=None, complete_through=None)


def _outdated(use_case: UseCase) -> str:
    """Rows of the run that are no newer than what is shown never become scores."""
    rows, key = names.score_rows_table(use_case), use_case.entity.key
    return (
        f"DELETE FROM {rows} AS n USING {rows} AS s "
        f"WHERE s.{key} = n.{key} AND n.generation = :new AND s.generation = :shown AND NOT ("
        "(s.scored_at, s.feature_timestamp) <= (n.scored_at, n.feature_timestamp) AND "
        "(s.scored_at, s.feature_timestamp, s.model_version) <> (n.scored_at, n.feature_timestamp, n.model_version)) "
        f"{_KIND.format(row='n')}"
    )


def _forget(use_case: UseCase, where: str) -> str:
    """Of a run that is run again, what it published before: the history has an entity once per run."""
    rows, key = names.score_rows_table(use_case), use_case.entity.key
    return (
        f"DELETE FROM {rows} AS o USING {rows} AS n "
        f"WHERE n.generation = :new AND o.{key} = n.{key} AND o.run_id = :run AND o.generation {where} "
        f"{_KIND.format(row='o')}"
    )


def _carry_over(use_case: UseCase, replaces: bool) -> str:
    """Shown scores that the run did not replace, as it ``replaces`` some, come into its generation, to be shown."""
    rows, key = names.score_rows_table(use_case), use_case.entity.key
    kept = f"NOT EXISTS (SELECT FROM {rows} AS n WHERE n.generation = :new AND n.{key} = s.{key})"
    return (
        f"UPDATE {rows} AS s SET generation = :new WHERE s.generation = :shown "
        f"{f'AND {kept} ' if replaces else ''}{_KIND.format(row='s')}"
    )


def _let_in(use_case: UseCase) -> tuple[str, str]:
    """The run's rows come into the generation that is shown; those that they replace leave it."""
    rows = names.score_rows_table(use_case)
    key = use_case.entity.key
    return (
        f"UPDATE {rows} AS s SET generation = - :new FROM {rows} AS n CROSS JOIN LATERAL ("
        f"SELECT ctid AS at FROM {rows} AS o WHERE o.generation = :shown AND o.{key} = n.{key} LIMIT 1) AS one "
        f"WHERE n.generation = :new AND s.ctid = one.at {_KIND.format(row='s')}",
        f"UPDATE {rows} SET generation = :shown WHERE generation = :new",
    )


def _summary(use_case: UseCase, run_id: str, published: int, totals: Totals) -> ScoreSummary:
    bands: dict[str, int] = dict.fromkeys(use_case.score.bands, 0)
    for (_, band, _), rows in totals.items():
        bands[band] = bands.get(band, 0) + rows
    return ScoreSummary(
        run_id=run_id,
        published=published,
        total=sum(bands.values()),
        stale=sum(rows for (_, _, status), rows in totals.items() if status == "stale"),
        bands=bands,
        model_versions=tuple(sorted({version for (version, _, _), rows in totals.items() if rows})),
    )
