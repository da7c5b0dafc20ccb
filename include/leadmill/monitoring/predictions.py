"""What the scoring API answered, joined with what became of it."""

from leadmill import names
from leadmill.spec import UseCase
from leadmill.storage.literals import literal


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
