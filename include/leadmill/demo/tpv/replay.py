"""The merchants' history, day by day, drawn again from the seeds of the steps that made it: nothing of it is stored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from leadmill.demo.draw import Flags, Integers
from leadmill.demo.tpv.world import (
    Merchants,
    State,
    draw_day,
    draw_merchants,
    expected_volumes,
    first_state,
    next_state,
)

OLD_SHARE = 0.6
"""Of the merchants of a load, that were the acquirer's before its first day; their rows begin in its first month."""
TAKEN_OVER_DAYS = 30


@dataclass(frozen=True)
class Run:
    """The load (run 1), or a step after it: ``merchants`` that joined over the ``days`` up to ``clock``."""

    merchants: int
    days: float
    seed: int
    drift: bool
    clock: datetime


@dataclass(frozen=True)
class Day:
    """A day of all merchants that ever joined, as it truly was; those not open have 0 transactions and volume.

    ``day`` is a day of the proleptic calendar, ``seed`` that of its run.
    """

    day: int
    seed: int
    merchants: Merchants
    state: State
    transactions: Integers
    volume: Integers
    left: Flags
    """Those that are gone since this day."""

    @property
    def open(self) -> Flags:
        """Who has figures of this day."""
        return (self.merchants.since <= self.day) & ~self.state.gone


def replay(runs: Sequence[Run]) -> Iterator[Day]:
    """Every day that had ended by the last run's clock; the same runs give the same days."""
    merchants, state = None, None
    for number, run in enumerate(runs):
        last = run.clock.toordinal()
        first = runs[number - 1].clock.toordinal() if number else (run.clock - timedelta(days=run.days)).toordinal()
        random = np.random.default_rng([run.seed, first, 1])
        new = _joining(random, run.merchants, first, last, number == 0)
        more = first_state(random, len(new))
        merchants, state = (merchants.joined(new), state.joined(more)) if merchants and state else (new, more)
        for day in range(first, last):
            random = np.random.default_rng([run.seed, day, 2])
            before, here = state, merchants.since <= day
            state = next_state(random, merchants, state, run.drift).where(here, state)
            count, volume = draw_day(random, merchants, expected_volumes(merchants, state, day))
            yield Day(day, run.seed, merchants, state, count * here, volume * here, state.gone & ~before.gone)


def _joining(random: np.random.Generator, size: int, first: int, last: int, load: bool) -> Merchants:
    old = (random.random(size) < OLD_SHARE) & load
    taken_over = first + random.integers(0, min(TAKEN_OVER_DAYS, max(last - first, 1)), size)
    since = np.where(old, taken_over, random.integers(first, max(last, first + 1), size))
    return draw_merchants(random, since, old)
