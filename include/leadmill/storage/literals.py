"""Literals in DDL, where Postgres takes no bound values."""


def literal(value: str) -> str:
    """``value`` as an SQL string literal for SQLAlchemy's ``text()``: quotes doubled, colons and percents kept."""
    return "'" + value.replace("'", "''").replace(":", r"\:") + "'"
