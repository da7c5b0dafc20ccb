"""What is said of a table before it is made."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TableColumn:
    """Name, Postgres type with its constraints, and what it means.

    ``before``: the value (an SQL literal) that rows have which are older than the column, where it is not null.
    """

    name: str
    type: str
    comment: str
    before: str | None = None


@dataclass(frozen=True)
class Table:
    """A table to be: ``keys`` is its primary key, ``indexes`` say what further indexes are on, and of which kind.

    Tables that only grow get one ``brin`` on their times and windows, and nothing on values that come in no order: an
    index of those, a hash too, takes more of an insert's time than all the rest. Facts, which are looked up by their
    content and their entity, have some.
    """

    name: str
    comment: str
    columns: tuple[TableColumn, ...]
    keys: tuple[str, ...]
    indexes: tuple[str, ...] = ()
