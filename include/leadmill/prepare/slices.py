"""Fill rows in event-time slices: each row by the newest imputer fitted on rows before it (ADR 0001)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING

from leadmill.prepare.imputer import Imputer, cold_start, fit
from leadmill.spec import UseCase

if TYPE_CHECKING:
    import pandas as pd

History = Callable[[datetime], "pd.DataFrame"]
# Filling and copying make several copies of a slice: it bounds their memory.
_MOST_ROWS = 100_000


@dataclass
class Filling:
    """Filled parts in event-time order, and the imputers that were fitted on the way."""

    parts: "list[pd.DataFrame]" = field(default_factory=list)
    fitted: list[Imputer] = field(default_factory=list)


def fill_in_slices(
    use_case: UseCase, frame: "pd.DataFrame", stored: Sequence[Imputer], before: int, history: History
) -> Filling:
    """Fill ``frame`` (typed rows sorted by event_timestamp) slice by slice.

    Imputers learn from the rows whose ``donor`` is true. ``stored`` are the imputers that exist, ``before`` the number
    of donors in the store, and ``history(t)`` gives those with event_timestamp < t. A slice ends where enough donors
    have gathered for the next fit (``imputation.first``, then ``growth`` times as many), never between rows of one
    event time. A row is filled by the newest imputer fitted before its ``first_recorded_at``: of an entity that is
    looked at again and again, what was missing stays filled in one way.
    """
    result = Filling()
    versions = list(stored)
    times, donors = frame["event_timestamp"], frame["donor"].to_numpy().cumsum()
    position = 0
    while position < len(frame):
        newest = max(versions, key=lambda imputer: imputer.version, default=None)
        needed = ceil(newest.rows * use_case.imputation.growth) if newest else use_case.imputation.first
        gathered = before + int(donors[position - 1]) if position else before
        if gathered >= needed:
            fitted = _fit_before(use_case, frame, position, gathered, newest, history)
            if fitted:
                versions.append(fitted)
                result.fitted.append(fitted)
                continue
            needed = gathered + use_case.imputation.first
        # The row of the donor that completes the number ends the slice.
        enough = int(donors.searchsorted(needed - before)) + 1
        end = _end_of_ties(times, min(enough, position + _MOST_ROWS, len(frame)))
        result.parts.extend(_fill(use_case, frame.iloc[position:end], versions))
        position = end
    return result


def _fit_before(
    use_case: UseCase, frame: "pd.DataFrame", position: int, counted: int, newest: Imputer | None, history: History
) -> Imputer | None:
    """The next imputer, fitted on the rows before the one at ``position``; None where late rows leave too few."""
    import pandas as pd

    start = frame["event_timestamp"].iloc[position]
    order, features = ["event_timestamp", use_case.entity.key], [column.name for column in use_case.feature_columns]
    earlier = frame.iloc[:position]
    fresh = earlier.loc[earlier["donor"] & (earlier["event_timestamp"] < start), [*order, *features]]
    donors = pd.concat([history(start), fresh])
    if len(donors) < use_case.imputation.first:
        return None
    donors = donors.sort_values(order, kind="stable")
    through = donors["event_timestamp"].max().to_pydatetime()
    fitted = fit((newest.version if newest else 0) + 1, donors[features], use_case.feature_columns, through)
    # Donors are capped, and late rows may leave fewer of them: the rows counted decide when to fit again.
    return Imputer(fitted.version, through, counted, fitted.fillers)


def _fill(use_case: UseCase, rows: "pd.DataFrame", versions: Sequence[Imputer]) -> "list[pd.DataFrame]":
    """Fill each row by the imputer with the newest ``fitted_through`` before its entity was first recorded."""
    ranked = sorted(versions, key=lambda imputer: (_through(imputer), imputer.version))
    chosen = rows["first_recorded_at"].map(
        lambda time: next((i for i in reversed(range(len(ranked))) if _through(ranked[i]) < time), -1)
    )
    parts = []
    for index in sorted(chosen.unique()):
        imputer = ranked[index] if index >= 0 else cold_start()
        names = [column.name for column in use_case.feature_columns]
        part = rows[chosen == index]
        filled = imputer.fill(part[names], use_case.feature_columns)
        left = part.drop(columns=[*names, "first_recorded_at", "donor"])
        parts.append(left.join(filled).assign(imputer_version=imputer.version))
    return parts


def _through(imputer: Imputer) -> datetime:
    if imputer.fitted_through is None:
        raise ValueError("version 0 is never among the fitted imputers")
    return imputer.fitted_through


def _end_of_ties(times: "pd.Series[datetime]", end: int) -> int:
    while end < len(times) and times.iloc[end] == times.iloc[end - 1]:
        end += 1
    return end
