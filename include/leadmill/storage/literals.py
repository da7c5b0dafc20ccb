"""Literals where Postgres takes no bound values, and statements for drivers that SQLAlchemy does not drive."""

from collections.abc import Callable, Mapping

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import dialect

Comments = Mapping[str, tuple[str, Mapping[str, str]]]
"""Table -> its comment, and column -> comment."""


def literal(value: str) -> str:
    """``value`` as an SQL string literal for SQLAlchemy's ``text()``: quotes doubled, colons and percents kept."""
    return "'" + value.replace("'", "''").replace(":", r"\:") + "'"


def comment_on(comments: Comments, execute: Callable[[str], object]) -> None:
    """Write the comment of every table and column with ``execute``."""
    for table, (comment, columns) in comments.items():
        execute(f"COMMENT ON TABLE {table} IS {literal(comment)}")
        for column, meaning in columns.items():
            execute(f"COMMENT ON COLUMN {table}.{column} IS {literal(meaning)}")


def pyformat(statement: str) -> str:
    """A statement written for SQLAlchemy's ``text()`` as psycopg wants it: ``:name`` becomes ``%(name)s``."""
    return str(text(statement).compile(dialect=dialect(paramstyle="pyformat")))  # type: ignore[no-untyped-call]
