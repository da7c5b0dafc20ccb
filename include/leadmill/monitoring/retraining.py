"""Is a training due by data: enough newly matured outcomes, or drift with enough matured rows since its onset?"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.clock import source_now
from leadmill.features.history import known_through
from leadmill.features.training_rows import entity_rows_sql
from leadmill.monitoring.drift import drift_onset
from leadmill.monitoring.store import replace_rows
from leadmill.registry.champion import champion_version
from leadmill.registry.ledger import EXTERNAL
from leadmill.spec import UseCase
from leadmill.storage.database import engine

# A training that fails leaves no verdict, so it stays due: it is tried again so much later.
AGAIN = timedelta(days=1)


@dataclass(frozen=True)
class Due:
    """Whether a training is due (``rule`` is None where it is not) and what was counted.

    ``through``: as_of of the newest row that a judged version has had. ``outcomes``: entities of which every training
    row is newer; of sums, those of which any is. ``onset``: since when drift is open; ``rows`` are the matured training
    rows since then that no judged version has had, ``learnable`` all of them.
    """

    rule: Literal["drift", "new_outcomes"] | None
    through: datetime | None
    outcomes: int
    onset: datetime | None
    rows: int
    learnable: int
    sentence: str


def training_due(use_case: UseCase) -> Due:
    """Count what has matured that no judged version has had, refused ones included: a refusal starts no loop.

    Rows count by their ``as_of``, so a backfill of old windows makes nothing due, however much it appends. Without a
    champion nothing is: the first training is somebody's decision, or Sunday's. Costs what came in since the newest
    judged version and since the onset, whatever the history holds. Raises SourceUnreachable.
    """
    if champion_version(use_case) is None:
        return Due(None, None, 0, None, 0, 0, "no version serves yet: the first training starts by hand or on Sunday")
    known, onset = known_through(use_case), drift_onset(use_case)
    with engine().connect() as connection:
        through = _through(connection, use_case)
        outcomes = _new_outcomes(connection, use_case, known, through)
        rows, learnable = _since_onset(connection, use_case, known, onset, through) if onset else (0, 0)
    rule: Literal["drift", "new_outcomes"] | None = None
    if onset and rows >= use_case.retrain.drift_rows:
        rule = "drift"
    elif outcomes >= use_case.retrain.new_outcomes:
        rule = "new_outcomes"
    found = Due(rule, through, outcomes, onset, rows, learnable, "")
    return replace(found, sentence=_sentence(use_case, found))


def learns_since(use_case: UseCase, found: Due) -> datetime | None:
    """The onset of drift that a training has to regard (``begin_training``): once enough rows since then matured."""
    return found.onset if found.learnable >= use_case.retrain.drift_rows else None


def watch_retraining(use_case: UseCase, run_id: str) -> tuple[Due, bool]:
    """Look, and keep it in ``ops.retraining``; what was found, and whether the training is to be told of it.

    It is told once a day (by the source's clock) of the same data: the rest of a burst would find nothing to do.
    """
    found, now = training_due(use_case), source_now(use_case)
    with engine().begin() as connection:
        told = found.rule is not None and not _told(connection, use_case, run_id, found, now)
        row = {name: value for name, value in asdict(found).items() if name != "learnable"}
        replace_rows(connection, "ops.retraining", use_case.name, run_id, [row | {"as_of": now, "told": told}])
    return found, told


def _through(connection: Connection, use_case: UseCase) -> datetime | None:
    """What a version has learned that was trained elsewhere only its maker knows: those have had nothing."""
    statement = (
        "SELECT max(CAST(data ->> 'through' AS timestamptz)) FROM ops.promotions "
        "WHERE use_case = :name AND candidate <> :external"
    )
    values = {"name": use_case.name, "external": EXTERNAL}
    found: datetime | None = connection.execute(text(statement), values).scalar_one()
    return found


def _new_outcomes(connection: Connection, use_case: UseCase, known: datetime, through: datetime | None) -> int:
    rows, key = _escaped(entity_rows_sql(use_case, known, through)), use_case.entity.key
    statement = f"SELECT count(DISTINCT {key}) FROM ({rows}) AS t"
    # A sum comes true anew at every age; any other outcome once.
    if use_case.label.aggregate or not (use_case.has_events and through):
        return int(connection.execute(text(statement)).scalar_one())
    # Whoever had reached an age by then has had its outcome counted.
    statement += f" JOIN {names.entities_table(use_case)} AS e USING ({key}) WHERE first_recorded_at > :unseen"
    return int(connection.execute(text(statement), {"unseen": through - min(use_case.as_of)}).scalar_one())


def _since_onset(
    connection: Connection, use_case: UseCase, known: datetime, onset: datetime, through: datetime | None
) -> tuple[int, int]:
    rows = _escaped(entity_rows_sql(use_case, known, onset))
    statement = (
        "SELECT count(*) FILTER (WHERE CAST(:through AS timestamptz) IS NULL OR as_of > :through), count(*) "
        f"FROM ({rows}) AS t"
    )
    fresh, every = connection.execute(text(statement), {"through": through}).one()
    return int(fresh), int(every)


def _told(connection: Connection, use_case: UseCase, run_id: str, found: Due, now: datetime) -> bool:
    statement = (
        "SELECT EXISTS (SELECT FROM ops.retraining WHERE use_case = :name AND run_id <> :run AND told "
        "AND rule = :rule AND through IS NOT DISTINCT FROM :through AND as_of > :since)"
    )
    values = {"name": use_case.name, "run": run_id, "rule": found.rule, "through": found.through, "since": now - AGAIN}
    return bool(connection.execute(text(statement), values).scalar_one())


def _sentence(use_case: UseCase, found: Due) -> str:
    asked, since = use_case.retrain, f"since {found.through:%Y-%m-%d %H:%M} UTC" if found.through else "so far"
    matured = (
        f"{found.outcomes:,} outcomes matured {since}, the newest that a judged version has had "
        f"({asked.new_outcomes:,} make a training due)"
    )
    drift = "no drift is open"
    if found.onset:
        drift = (
            f"drift is open since {found.onset:%Y-%m-%d %H:%M} UTC, and {found.rows:,} rows since then have matured "
            f"that no judged version has had ({asked.drift_rows:,} make a training due)"
        )
    if found.rule is None:
        return f"no training is due: {matured}; {drift}"
    return f"due by drift: {drift}" if found.rule == "drift" else f"due by new outcomes: {matured}"


def _escaped(statement: str) -> str:
    """Times are written out with colons, which are no bound values."""
    return statement.replace(":", r"\:")
