"""Which entities are closed: of their known outcomes, the one that happened last says so."""

from leadmill import names
from leadmill.spec import UseCase


def closed_sql(use_case: UseCase, key: str, by: str | None = None, labels: str | None = None) -> str:
    """SQL of whether the entity ``key`` (an expression) is closed, by what was recorded up to ``by``, or by now.

    ``labels``: SQL of the outcomes where they are not all that are known.
    """
    known = f" AND l.known_at <= {by}" if by else ""
    return (
        f"coalesce((SELECT l.closed FROM {labels or names.labels_table(use_case)} AS l "
        f"WHERE l.{use_case.entity.key} = {key}"
        f"{known} ORDER BY l.occurred_at DESC NULLS LAST, l.known_at DESC LIMIT 1), false)"
    )
