"""What the scoring API answered: joined with what became of it, and for how long it is kept."""

from datetime import timedelta

from sqlalchemy import text

from leadmill import names
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.storage.literals import literal

# Rows that one transaction deletes, and how many transactions one call makes at most: the next goes on.
_AT_ONCE, _MOST = 20_000, 500


def outcomes_sql(use_case: UseCase) -> str:
    """SQL of every logged answer with what became of its entity: the columns of ``ops.predictions``, label,
    occurred_at, known_at (null where nothing is known yet, or the answer names no entity).

    The label is the entity's newest known outcome. With ``label.aggregate`` it is the sum of the outcomes in
    (predicted_at, predicted_at + horizon], as in training, once horizon and lag have passed by what the source has
    been read up to; the times are then those of the newest of these outcomes.
    """
    found = _sum_within(use_case) if use_case.label.aggregate else _newest(use_case)
    return (
        f"SELECT p.*, l.label, l.occurred_at, l.known_at FROM ops.predictions AS p LEFT JOIN LATERAL ({found}) AS l "
        f"ON true WHERE p.use_case = {literal(use_case.name)}"
    )


def _same(use_case: UseCase, alias: str) -> str:
    return f"{alias}.{use_case.entity.key} = p.entity_key::{use_case.entity.sql_type}"


def _newest(use_case: UseCase) -> str:
    return (
        f"SELECT label, occurred_at, known_at FROM {names.labels_table(use_case)} AS l "
        f"WHERE {_same(use_case, 'l')} AND l.label IS NOT NULL ORDER BY l.known_at DESC LIMIT 1"
    )


def _sum_within(use_case: UseCase) -> str:
    """Of records of one time the newest; nothing of an entity that no fact names, or that was deleted within."""
    labels, label = names.labels_table(use_case), use_case.label
    times = (label.horizon or timedelta(0), label.matures_after)
    horizon, matures = (f"interval '{time.total_seconds():.0f} seconds'" for time in times)
    within = (
        f"{_same(use_case, 'l')} AND l.occurred_at > p.predicted_at AND l.occurred_at <= p.predicted_at + {horizon}"
    )
    return (
        "SELECT coalesce(sum(one.label), 0)::float8 AS label, max(one.occurred_at) AS occurred_at, "
        "max(one.known_at) AS known_at FROM (SELECT DISTINCT ON (l.occurred_at) l.label, l.occurred_at, l.known_at "
        f"FROM {labels} AS l WHERE {within} ORDER BY l.occurred_at, l.known_at DESC) AS one "
        f"HAVING p.predicted_at + {matures} <= (SELECT max(until) FROM ops.windows "
        f"WHERE use_case = {literal(use_case.name)} AND status = 'published') "
        f"AND EXISTS (SELECT FROM {names.entities_table(use_case)} AS e WHERE {_same(use_case, 'e')}) "
        f"AND NOT EXISTS (SELECT FROM {labels} AS l WHERE {within} AND l.closed AND l.label IS NULL)"
    )


def forget_predictions(keep: timedelta, at_once: int = _AT_ONCE) -> int:
    """Delete the logged answers of all use cases that are older than ``keep`` by the server's clock; how many.

    In transactions of ``at_once`` rows; of two who delete at a time each takes other rows.
    """
    statement = text(
        "DELETE FROM ops.predictions WHERE ctid = ANY (ARRAY(SELECT ctid FROM ops.predictions "
        "WHERE predicted_at < now() - :keep LIMIT :rows FOR UPDATE SKIP LOCKED))"
    )
    total = 0
    for _ in range(_MOST):
        with engine().begin() as connection:
            gone = connection.execute(statement, {"keep": keep, "rows": at_once}).rowcount
        total += gone
        if gone < at_once:
            break
    return total
