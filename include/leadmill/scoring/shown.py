"""What readers see: which generation, how many scores of which kind, and what they take into account."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.spec import UseCase

Totals = Counter[tuple[str, str, str]]
"""Rows by model version, band and status."""


@dataclass(frozen=True)
class Shown:
    """The generation that readers see (0 before the first), and its totals.

    Of the version ``complete_for``, every open entity has a score of its newest features as of the window
    ``complete_through``; None where that is not known. ``judged_through`` is the newest window that statuses follow.
    """

    generation: int = 0
    totals: Totals = field(default_factory=Counter)
    complete_for: str | None = None
    complete_through: int | None = None
    judged_through: int = 0


def shown(connection: Connection, use_case: UseCase) -> Shown:
    """What is shown now."""
    row = connection.execute(
        text(
            "SELECT generation, totals, complete_for, complete_through, judged_through "
            f"FROM {names.score_runs_table(use_case)} WHERE shown"
        )
    ).one_or_none()
    if row is None:
        return Shown()
    totals = _count(connection, use_case, row.generation) if row.totals is None else read(row.totals)
    return Shown(row.generation, totals, row.complete_for, row.complete_through, row.judged_through or 0)


def show(connection: Connection, use_case: UseCase, now: Shown) -> None:
    """Have readers see this from the commit on."""
    runs = names.score_runs_table(use_case)
    values = {
        "generation": now.generation,
        "totals": written(now.totals),
        "complete_for": now.complete_for,
        "complete_through": now.complete_through,
        "judged_through": now.judged_through,
    }
    connection.execute(
        text(f"UPDATE {runs} SET shown = NOT shown WHERE shown <> (generation = :generation)"),
        values,
    )
    connection.execute(
        text(
            f"UPDATE {runs} SET totals = CAST(:totals AS jsonb), complete_for = :complete_for, "
            "complete_through = :complete_through, judged_through = :judged_through WHERE generation = :generation"
        ),
        values,
    )


def newest_window(connection: Connection, use_case: UseCase) -> int:
    """The newest published window, 0 where there is none: windows are published in the order of their numbers."""
    found = connection.execute(
        text("SELECT coalesce(max(window_id), 0) FROM ops.windows WHERE use_case = :name AND status = 'published'"),
        {"name": use_case.name},
    )
    window: int = found.scalar_one()
    return window


def changed(connection: Connection, statement: str, values: dict[str, Any]) -> Totals:
    """Run a statement that returns model_version, band and status of the rows that it writes; how many of each."""
    found = connection.execute(
        text(
            f"WITH changed AS ({statement}) "
            "SELECT model_version, band, status, count(*) AS rows FROM changed GROUP BY 1, 2, 3"
        ),
        values,
    )
    return Counter({(row.model_version, row.band, row.status): row.rows for row in found})


def _count(connection: Connection, use_case: UseCase, generation: int) -> Totals:
    rows = names.score_rows_table(use_case)
    statement = f"SELECT model_version, band, status FROM {rows} WHERE generation = :generation"
    return changed(connection, statement, {"generation": generation})


def written(totals: Totals) -> str:
    """As JSON."""
    fields = ("model_version", "band", "status", "rows")
    kept = [(*kind, rows) for kind, rows in sorted(totals.items()) if rows > 0]
    return json.dumps([dict(zip(fields, one, strict=True)) for one in kept])


def read(found: list[dict[str, Any]]) -> Totals:
    """What :func:`written` wrote."""
    return Counter({(one["model_version"], one["band"], one["status"]): one["rows"] for one in found})
