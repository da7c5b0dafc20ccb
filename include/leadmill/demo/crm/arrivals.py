"""When leads come in: more by day than by night, fewer at the weekend."""

from datetime import datetime

import numpy as np

from leadmill.demo.crm.draws import Random
from leadmill.demo.crm.tables import DAY
from leadmill.demo.draw import Integers

HOURS = (2, 1, 1, 1, 2, 3, 5, 8, 10, 11, 11, 11, 10, 10, 10, 10, 9, 8, 7, 7, 6, 5, 4, 3)
"""Leads by hour of the day (UTC), from midnight on."""
WEEKDAYS = (11, 11, 11, 11, 10, 6, 6)
"""From Monday on."""
_STEP = 600


def arrivals(random: Random, size: int, begin: datetime, end: datetime) -> Integers:
    """``size`` ordered times (seconds since 1970) from ``begin`` to ``end``."""
    if not size:
        return np.zeros(0, dtype=np.int64)
    first, last = int(begin.timestamp()), int(end.timestamp())
    grid = np.append(np.arange(first, last, _STEP), last)
    # 1970-01-01 was a Thursday.
    weekday = (grid[:-1] // DAY + 3) % 7
    busy = np.array(HOURS)[grid[:-1] % DAY // 3600] * np.array(WEEKDAYS)[weekday] * np.diff(grid)
    reached = np.append(0, np.cumsum(busy)) / busy.sum()
    moments = np.interp(np.sort(random.random(size)), reached, grid)
    return np.asarray(np.floor(moments), dtype=np.int64)
