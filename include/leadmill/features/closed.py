"""Which entities leave the population that is scored."""

from leadmill.prepare import closed
from leadmill.spec import UseCase


def closed_sql(use_case: UseCase, key: str, by: str | None = None, labels: str | None = None) -> str:
    """As :func:`leadmill.prepare.closed.closed_sql`; where the population is 'all', nothing closes."""
    return "false" if use_case.score.population == "all" else closed.closed_sql(use_case, key, by, labels)
