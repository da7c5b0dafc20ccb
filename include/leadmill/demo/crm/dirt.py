"""Dirt in the CRM's tables, as real ones have it, drawn without a look at the leads' classes.

Junk rows are copies of true rows with something impossible in them, beside the true rows and never instead of them;
repeated rows say what is said already. So the truth on which the oracle conditions is in the tables whole, but for
two hours' visits a year: the tracker writes local times, and those of the hour that comes twice in autumn cannot be
told apart.
"""

from calendar import SUNDAY, monthrange, weekday
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from leadmill.demo.crm.draws import Random
from leadmill.demo.crm.facts import Rows
from leadmill.demo.crm.tables import DAY
from leadmill.demo.draw import Integers

NEGATIVE_SHARE, TOO_LONG_SHARE, TOO_MANY_SHARE, BROKEN_CLOCK_SHARE = 0.004, 0.004, 0.003, 0.002
"""Of all visits."""
PAGES_OF_A_ROBOT = 9999
AHEAD_SHARE, AHEAD_DAYS = 0.003, (3, 30)
"""Of all activities: those that occur days after they were recorded."""
MALFORMED_SHARE = 0.001
"""Of the leads, activities and visits."""
TWICE_SHARE, SENT_AGAIN_SHARE, SENT_AGAIN_DAYS = 0.004, 0.006, 1.5
"""Of all rows: written twice at once, and sent again later."""

Change = Callable[[pa.Table], pa.Table]


def with_junk(random: Random, rows: Rows) -> Rows:
    """The rows and junk rows that a reader must reject; ids are still missing."""

    def junk(table: pa.Table, share: float, change: Change) -> pa.Table:
        return change(table.take(_some(random, len(table), share)))

    def column(name: str, values: Callable[[int], Integers]) -> Change:
        return lambda table: _with(table, name, pa.array(values(len(table))))

    def ahead(table: pa.Table) -> pa.Table:
        later = _seconds(table, "recorded_at") + random.integers(*AHEAD_DAYS, len(table)) * DAY
        return _with(table, "occurred_at", pa.array(later).cast(pa.timestamp("s")))

    def malformed(table: pa.Table) -> pa.Table:
        spoiled = [_SPOILED[at % len(_SPOILED)](key) for at, key in enumerate(table["lead_id"].to_pylist())]
        return _with(table, "lead_id", pa.array(spoiled, pa.string()))

    leads, activities, visits = rows["leads"], rows["activities"], rows["web_visits"]
    return rows | {
        "leads": pa.concat_tables([leads, junk(leads, MALFORMED_SHARE, malformed)]),
        "activities": pa.concat_tables(
            [activities, junk(activities, AHEAD_SHARE, ahead), junk(activities, MALFORMED_SHARE, malformed)]
        ),
        "web_visits": pa.concat_tables(
            [
                visits,
                junk(visits, NEGATIVE_SHARE, column("seconds", lambda size: -random.integers(1, 3600, size))),
                junk(visits, TOO_LONG_SHARE, column("seconds", lambda size: random.integers(DAY + 1, 9 * DAY, size))),
                junk(visits, TOO_MANY_SHARE, column("pages", lambda size: np.full(size, PAGES_OF_A_ROBOT))),
                junk(visits, MALFORMED_SHARE, malformed),
                *_broken_clock(random, visits),
            ]
        ),
    }


_SPOILED: tuple[Callable[[str], str | None], ...] = (
    lambda key: key[:-1],
    lambda key: "x" + key[1:],
    lambda key: "unknown",
    lambda key: None,
)


def with_repeats(random: Random, table: pa.Table) -> pa.Table:
    """The rows, some of them twice, some once more at a later ``recorded_at``."""
    twice = table.take(_some(random, len(table), TWICE_SHARE))
    again = table.take(_some(random, len(table), SENT_AGAIN_SHARE))
    delay = 1 + np.rint(random.exponential(SENT_AGAIN_DAYS * DAY, len(again))).astype(np.int64)
    later = pa.array(_seconds(again, "recorded_at") + delay).cast(pa.timestamp("s"))
    return pa.concat_tables([table, twice, _with(again, "recorded_at", later)])


def _broken_clock(random: Random, visits: pa.Table) -> list[pa.Table]:
    """Visits at half past two on the Sundays in spring on which the clocks jump from two to three."""
    recorded = _seconds(visits, "recorded_at")
    found = []
    for jump in _spring_jumps(recorded):
        since = np.flatnonzero((recorded >= jump) & (recorded < jump + 20 * DAY))
        size = min(len(since), int(np.ceil(len(visits) * BROKEN_CLOCK_SHARE)))
        copies = visits.take(random.choice(since, size=size, replace=False))
        # The zone's time is an hour ahead of UTC until the jump.
        shown = np.full(size, jump + 5400)
        found.append(_with(copies, "visited_at", pa.array(shown).cast(pa.timestamp("s"))))
    return found


def _spring_jumps(moments: Integers) -> list[int]:
    """01:00 UTC of the last Sundays of March between the first and the last moment."""
    if not len(moments):
        return []
    first, last = (datetime.fromtimestamp(int(moment), UTC) for moment in (moments.min(), moments.max()))
    jumps = []
    for year in range(first.year, last.year + 1):
        day = monthrange(year, 3)[1]
        day -= (weekday(year, 3, day) - SUNDAY) % 7
        moment = datetime(year, 3, day, 1, tzinfo=UTC)
        if first <= moment <= last:
            jumps.append(int(moment.timestamp()))
    return jumps


def _some(random: Random, size: int, share: float) -> Integers:
    return np.flatnonzero(random.random(size) < share)


def _seconds(table: pa.Table, name: str) -> Integers:
    values: Integers = table[name].cast(pa.int64()).to_numpy()
    return values


def _with(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    at = table.schema.get_field_index(name)
    return table.set_column(at, table.schema.field(at), values)
