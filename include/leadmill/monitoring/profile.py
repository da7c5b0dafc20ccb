"""Counts per age and bin of every watched feature, by one aggregate each over a temporary table of rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from leadmill.columns import UNKNOWN_LEVEL, Column
from leadmill.spec import UseCase

MOST_CUTS = 100
MOST_LEVELS = 200
_TABLE = "watched_rows"


@dataclass(frozen=True)
class Bins:
    """Where a feature's values are counted: between rising ``cuts``, or by ``levels`` and one more for all others."""

    cuts: tuple[float, ...] | None
    levels: tuple[str, ...] | None

    @property
    def size(self) -> int:
        return len(self.cuts or ()) + 1 if self.levels is None else len(self.levels) + 1


@dataclass(frozen=True)
class Profile:
    """Counts of one feature: age -> rows per bin (observed values only), and age -> rows without a value."""

    counts: Mapping[int, tuple[int, ...]]
    missing: Mapping[int, int]


def hold(connection: Connection, rows: str, values: Mapping[str, Any], use_case: UseCase) -> tuple[int, int]:
    """Keep the rows of a query in a temporary table until the transaction ends; how many rows and entities."""
    connection.execute(text(f"DROP TABLE IF EXISTS {_TABLE}"))
    connection.execute(text(f"CREATE TEMPORARY TABLE {_TABLE} ON COMMIT DROP AS {rows}"), values)
    found = connection.execute(text(f"SELECT count(*), count(DISTINCT {use_case.entity.key}) FROM {_TABLE}")).one()
    return int(found[0]), int(found[1])


def is_number(column: Column) -> bool:
    """Whether the feature is compared as a number; ordered levels are compared as levels."""
    return column.type in ("int", "float")


def bins_of(connection: Connection, column: Column) -> Bins:
    """Bins by the held rows: quantiles in steps of a hundredth, or the commonest levels."""
    if is_number(column):
        quantiles = [step / MOST_CUTS for step in range(1, MOST_CUTS)]
        found = connection.execute(
            text(
                "SELECT percentile_disc(CAST(:quantiles AS float8[])) WITHIN GROUP "
                f"(ORDER BY {column.name}\\:\\:float8) FROM {_TABLE} WHERE {_observed(column)}"
            ),
            {"quantiles": quantiles},
        ).scalar_one()
        return Bins(tuple(sorted(set(found or ()))), None)
    levels = connection.execute(
        text(
            f"SELECT {column.name}\\:\\:text FROM {_TABLE} WHERE {_observed(column)} "
            "GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT :most"
        ),
        {"most": MOST_LEVELS},
    ).scalars()
    return Bins(None, tuple(levels))


def profile(connection: Connection, column: Column, bins: Bins) -> Profile:
    """The held rows of one feature, counted."""
    values: dict[str, Any] = {"rest": bins.size - 1}
    if bins.levels is None:
        at = f"width_bucket({column.name}\\:\\:float8, CAST(:cuts AS float8[]))" if bins.cuts else "0"
        values |= {"cuts": list(bins.cuts or ())} if bins.cuts else {}
    else:
        at = f"array_position(CAST(:levels AS text[]), {column.name}\\:\\:text) - 1"
        values |= {"levels": list(bins.levels)}
    rows = connection.execute(
        text(
            f"SELECT _age, CASE WHEN {_observed(column)} THEN coalesce({at}, :rest) END AS bin, count(*) AS n "
            f"FROM {_TABLE} GROUP BY 1, 2"
        ),
        values,
    )
    counts: dict[int, list[int]] = {}
    missing: dict[int, int] = {}
    for age, bin_, n in rows:
        if bin_ is None:
            missing[age] = n
        else:
            counts.setdefault(age, [0] * bins.size)[bin_] = n
    return Profile({age: tuple(found) for age, found in counts.items()}, missing)


def new_levels(connection: Connection, column: Column, levels: Sequence[str], most: int = 5) -> dict[str, int]:
    """The commonest levels among the held rows that are none of ``levels``, with their rows."""
    rows = connection.execute(
        text(
            f"SELECT left({column.name}\\:\\:text, 80), count(*) FROM {_TABLE} WHERE {_observed(column)} "
            f"AND {column.name}\\:\\:text <> ALL (CAST(:levels AS text[])) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT :most"
        ),
        {"levels": list(levels), "most": most},
    )
    return {str(level): int(n) for level, n in rows}


def _observed(column: Column) -> str:
    """SQL of whether the source gave the value: what an imputer filled in is told by the missing rate, not here."""
    if column.impute == UNKNOWN_LEVEL:
        return f"{column.name} <> '{UNKNOWN_LEVEL}'"
    return f"NOT {column.flag}" if column.has_flag else "true"
