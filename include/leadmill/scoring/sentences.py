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
    before, after = around(column, filled, value == 1)
    return f"{before}{_word(column, value)}{after}"


def around(column: Column, filled: bool, one: bool) -> tuple[str, str]:
    """What :func:`head` says before and after the value; ``one`` says that it is 1.

    >>> visits = Column(name="visits_7d", title="Visits in 7 days", unit="visits", type="int", impute="median", fill=3)
    >>> around(visits, False, True), around(visits, True, False)
    (('', ' visit in 7 days'), ('Visits in 7 days unknown, taken as ', ''))
    """
    unit = _unit(column, one)
    # Where the title begins with the unit, the value comes first.
    counts = unit and column.title.lower().startswith(f"{column.unit.lower()} ")
    if filled:
        return f"{column.title} unknown, taken as ", "" if counts else unit
    if counts:
        return "", f"{unit}{column.title[len(column.unit) :]}"
    return (f"{column.title} (", ")") if column.type == "bool" else (f"{column.title} is ", unit)


def plain(column: Column, value: Any) -> Any:
    """The value as people and JSON know it: an ordinal as its level.

    >>> plain(Column(name="i", title="I", type="ordered", levels=("low", "high"), impute="knn", fill="low"), 1)
    'high'
    """
    if column.type == "ordered":
        return column.levels[int(value)]
    kinds: dict[str, Any] = {"bool": bool, "int": int, "float": float}
    return kinds.get(column.type, str)(value)


def _word(column: Column, value: Any) -> str:
    if column.type == "bool":
        return "yes" if value else "no"
    if column.type in ("int", "float"):
        return number(value)
    return (column.levels[int(value)] if column.type == "ordered" else str(value)).replace("_", " ")


def _unit(column: Column, one: bool) -> str:
    if not column.unit or column.type not in ("int", "float"):
        return ""
    single = one and column.unit.endswith("s") and not column.unit.endswith("ss")
    return f" {column.unit[:-1] if single else column.unit}"


def number(value: float) -> str:
    """A number with about three digits that say something, a whole one whole.

    >>> number(12345), number(12345.6), number(0.125), number(-0.0)
    ('12,345', '12,346', '0.125', '0')
    """
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value + 0.0:.3g}"
