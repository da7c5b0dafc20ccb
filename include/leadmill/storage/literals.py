"""Literals in DDL, where Postgres takes no bound values."""

from collections.abc import Callable, Mapping

Comments = Mapping[str, tuple[str, Mapping[str, str]]]
"""Table -> its comment, and column -> comment."""


def literal(value: str) -> str:
    """``value`` as an SQL string literal for SQLAlchemy's ``text()``: quotes doubled, colons and percents kept."""
    return "'" + value.replace("'", "''").replace(":", r"\:") + "'"


def comment_on(comments: Comments, execute: Callable[[str], object]) -> None:
    """Write the comment of every table and column with ``execute``."""
    for table, (comment, columns) in comments.items():
        execute(f"COMMENT ON TABLE {table} IS {literal(comment)}")
        for column, text in columns.items():
            execute(f"COMMENT ON COLUMN {table}.{column} IS {literal(text)}")
