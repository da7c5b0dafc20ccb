"""A feature's value in words, from its title and unit."""

from typing import Any

from leadmill.columns import UNKNOWN_LEVEL, Column


def sentence(head: str, points: float) -> str:
    """What moved a score, and by how many points.

    >>> sentence("14 visits in 7 days", 120.3)
    '14 visits in 7 days: +120'
    """
    return f"{head}: {round(points):+d}"


def head(column: Column, value: Any, filled: bool) -> str:
    """The feature and its value; ``filled`` says that the value was missing and this one taken instead.

    >>> visits = Column(name="visits_7d", title="Visits in 7 days", unit="visits", type="int", impute="median", fill=3)
    >>> head(visits, 14, False), head(visits, 3, True)
    ('14 visits in 7 days', 'Visits in 7 days unknown, taken as 3')
    """
    if column.type == "category" and value == UNKNOWN_LEVEL:
        return f"{column.title} unknown"
    shown, rest = _words(column, value)
    if filled:
        return f"{column.title} unknown, taken as {shown}" + ("" if rest is not None else _unit(column, value))
    if rest is not None:
        return f"{shown}{_unit(column, value)}{rest}"
    if column.type == "bool":
        return f"{column.title} ({shown})"
    return f"{column.title} is {shown}{_unit(column, value)}"


def plain(column: Column, value: Any) -> Any:
    """The value as people and JSON know it: an ordinal as its level.

    >>> plain(Column(name="i", title="I", type="ordered", levels=("low", "high"), impute="knn", fill="low"), 1)
    'high'
    """
    if column.type == "ordered":
        return column.levels[int(value)]
    kinds: dict[str, Any] = {"bool": bool, "int": int, "float": float}
    return kinds.get(column.type, str)(value)


def _words(column: Column, value: Any) -> tuple[str, str | None]:
    """The value, and where the title begins with the unit, what follows it there."""
    if column.type == "bool":
        return ("yes" if value else "no"), None
    if column.type == "category":
        return str(value).replace("_", " "), None
    if column.type == "ordered":
        return column.levels[int(value)].replace("_", " "), None
    counts = column.unit and column.title.lower().startswith(f"{column.unit.lower()} ")
    return number(value), column.title[len(column.unit) :] if counts else None


def _unit(column: Column, value: Any) -> str:
    if not column.unit or column.type not in ("int", "float"):
        return ""
    one = value == 1 and column.unit.endswith("s") and not column.unit.endswith("ss")
    return f" {column.unit[:-1] if one else column.unit}"


def number(value: float) -> str:
    """A number with about three digits that say something, a whole one whole.

    >>> number(12345), number(12345.6), number(0.125), number(-0.0)
    ('12,345', '12,346', '0.125', '0')
    """
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value + 0.0:.3g}"
