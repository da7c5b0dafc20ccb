"""What Postgres has to know of rows just written, before it would look at them by itself.

``execute`` runs a statement in the transaction that wrote them.
"""

from collections.abc import Callable, Sequence

# Three thousand rows are looked at, not thirty thousand: plans need the shares of windows, not more.
_DETAIL = 10


def sample(table: str, columns: Sequence[str], execute: Callable[[str], object]) -> None:
    """Bring the statistics of these columns of ``table`` up to date from a small sample, whatever its size.

    ``columns`` are those by which rows are found and joined: each column of values would cost as much as one of them.
    """
    execute(f"SET LOCAL default_statistics_target = {_DETAIL}")
    execute(f"ANALYZE {table} ({', '.join(columns)})")


def summarise(table: str, execute: Callable[[str], object]) -> None:
    """Bring the BRIN indexes of ``table`` up to its last row: blocks that they do not know are read by every query."""
    execute(
        "SELECT brin_summarize_new_values(i.indexrelid) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid "
        f"JOIN pg_am AS a ON a.oid = c.relam WHERE i.indrelid = to_regclass('{table}') AND a.amname = 'brin'"
    )
