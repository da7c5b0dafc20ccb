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
    """SQL of every logged answer with the entity's newest known outcome: the columns of ``ops.predictions``, label,
    occurred_at, known_at (null where nothing is known yet)."""
    key = use_case.entity.key
    return (
        "SELECT p.*, l.label, l.occurred_at, l.known_at FROM ops.predictions AS p LEFT JOIN LATERAL ("
        f"SELECT label, occurred_at, known_at FROM {names.labels_table(use_case)} AS l "
        f"WHERE l.{key} = p.entity_key::{use_case.entity.sql_type} AND l.label IS NOT NULL "
        f"ORDER BY l.known_at DESC LIMIT 1) AS l ON true WHERE p.use_case = {literal(use_case.name)}"
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
