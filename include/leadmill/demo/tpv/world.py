"""The world of the simulated merchants: what they are, and how a day of theirs comes out. Our own round figures."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from leadmill.demo.draw import Flags, Floats, Integers

Random = np.random.Generator

YEAR = 365.25

SEGMENTS = ("groceries", "restaurant", "fashion", "hotel", "services", "electronics")
SEGMENT_SHARES = (0.22, 0.22, 0.16, 0.14, 0.16, 0.10)
REGIONS = ("north", "south", "coast", "mountains")
REGION_SHARES = (0.35, 0.30, 0.20, 0.15)
TICKETS = (24.0, 32.0, 58.0, 140.0, 75.0, 180.0)
"""Mean card payment per segment, in euros."""
DAILY_VOLUMES = (900.0, 800.0, 750.0, 1000.0, 600.0, 950.0)
"""Median daily volume per segment, in euros."""
_WEEKDAYS = {
    # Monday to Sunday; 0 is closed.
    "groceries": (0.9, 0.9, 0.9, 1.0, 1.3, 1.5, 0.5),
    "restaurant": (0.5, 0.7, 0.8, 1.0, 1.4, 1.6, 1.0),
    "fashion": (0.8, 0.8, 0.9, 1.0, 1.3, 2.2, 0.0),
    "hotel": (0.8, 0.8, 0.9, 1.0, 1.3, 1.3, 0.9),
    "services": (1.2, 1.2, 1.2, 1.2, 1.2, 1.0, 0.0),
    "electronics": (0.9, 0.9, 0.9, 1.0, 1.2, 2.1, 0.0),
}
# Waves of a year per segment and region: (day of the year on which one peaks, its width in days, its height in logs).
_SEASONS: dict[str, dict[str | None, tuple[tuple[int, int, float], ...]]] = {
    "groceries": {None: ((355, 14, 0.6),)},
    "restaurant": {
        None: ((170, 50, 0.36), (350, 15, 0.42)),
        "coast": ((205, 35, 1.32),),
        "mountains": ((30, 35, 1.02),),
    },
    "fashion": {None: ((350, 18, 1.2), (100, 25, 0.48), (215, 20, -0.6))},
    "hotel": {None: ((200, 50, 0.84),), "coast": ((205, 38, 2.16),), "mountains": ((25, 35, 1.8), (215, 25, 0.84))},
    "services": {None: ((222, 22, -0.84), (360, 10, -0.84))},
    "electronics": {None: ((345, 20, 1.5), (190, 40, -0.36))},
}


def _weekdays() -> Floats:
    """(segments, weekdays): factors, of mean 1."""
    table = np.array([_WEEKDAYS[name] for name in SEGMENTS])
    return np.asarray(table / table.mean(axis=1, keepdims=True))


def _seasons() -> Floats:
    """(segments, regions, days of the year): logs, of mean 0 over the year."""
    days = np.arange(366)
    table = np.zeros((len(SEGMENTS), len(REGIONS), len(days)))
    for row, segment in enumerate(SEGMENTS):
        for column, region in enumerate(REGIONS):
            for peak, width, height in _SEASONS[segment].get(region) or _SEASONS[segment][None]:
                away = np.abs(days - peak)
                table[row, column] += height * np.exp(-((np.minimum(away, 366 - away) / width) ** 2))
    return np.asarray(table - table.mean(axis=2, keepdims=True))


_WEEKDAY, _SEASON = _weekdays(), _seasons()

SIZE_SPREAD = 0.45
"""Of the logs of the merchants' usual volumes."""
GROWTH, GROWTH_SPREAD = 0.04, 0.2
"""A year, in logs."""
WANDER = 0.006
"""Of the level a day: it does not come back."""
MOOD_DAYS, MOOD_SPREAD = 25.0, 0.1
"""What comes and goes: it fades with these days."""
SEASON_SPREAD = 0.13
"""Of the logs of how much each merchant feels its season."""
DAY_NOISE = 0.18
DRIFT = -0.006
"""Of everyone's level a day, under drift."""

NONE, RENOVATION, BOOM, SLUMP, LEAVING = range(5)
SHOCK_DAYS = {RENOVATION: (10, 35), BOOM: (15, 50), SLUMP: (20, 70)}
SHOCK_LOGS = {RENOVATION: -2.5, BOOM: 0.55, SLUMP: -0.7}
SHOCK_SHARES = {RENOVATION: 0.4, BOOM: 0.3, SLUMP: 0.3}
SHOCK_CHANCE = 1 / 450
"""A day, of a merchant without one."""
_SHOCKS, _SHOCK_ENDS = np.array(list(SHOCK_SHARES)), np.cumsum(list(SHOCK_SHARES.values()))[:-1]
_SHOCK_LOG = np.array([SHOCK_LOGS.get(kind, 0.0) for kind in range(LEAVING + 1)])
_SHOCK_BOUNDS = np.array([SHOCK_DAYS.get(kind, (1, 2)) for kind in range(LEAVING)])
LEAVING_CHANCE = 1 / 2400
LEAVING_DAYS = 50
"""From the first sign until a merchant is gone; its volume fades to a tenth."""


class _PerMerchant:
    """Arrays of one entry per merchant."""

    def joined(self, more: Self) -> Self:
        """These, then those."""
        return self._made(lambda name: np.concatenate([getattr(self, name), getattr(more, name)]))

    def take(self, rows: "Integers | Flags") -> Self:
        """Some of them."""
        return self._made(lambda name: getattr(self, name)[rows])

    def where(self, condition: Flags, other: Self) -> Self:
        """These where the condition holds, else those."""
        return self._made(lambda name: np.where(condition, getattr(self, name), getattr(other, name)))

    def _made(self, values: "Callable[[str], NDArray[Any]]") -> Self:
        return type(self)(*(values(one.name) for one in fields(self)))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Merchants(_PerMerchant):
    """What does not change; ``opened`` and ``since`` are days of the proleptic calendar."""

    segment: Integers
    region: Integers
    size: Floats
    growth: Floats
    season: Floats
    opened: Integers
    since: Integers
    """First day of which the acquirer has a row."""

    def __len__(self) -> int:
        return len(self.segment)


@dataclass(frozen=True)
class State(_PerMerchant):
    """What changes from day to day: with the merchant, all that the future depends on."""

    level: Floats
    mood: Floats
    shock: Integers
    left: Integers
    """Days of the shock that are left."""
    gone: Flags


def draw_merchants(random: Random, since: Integers, old: Flags) -> Merchants:
    """Merchants whose rows begin at these days; the ``old`` ones have been open for years then."""
    size = len(since)
    segment = random.choice(len(SEGMENTS), size=size, p=SEGMENT_SHARES)
    open_for = np.where(old, random.integers(60, 4000, size), random.integers(0, 20, size))
    return Merchants(
        segment=segment,
        region=random.choice(len(REGIONS), size=size, p=REGION_SHARES),
        size=np.log(np.array(DAILY_VOLUMES))[segment] + random.normal(0, SIZE_SPREAD, size),
        growth=random.normal(GROWTH, GROWTH_SPREAD, size),
        season=np.exp(random.normal(0, SEASON_SPREAD, size)),
        opened=since - open_for,
        since=since,
    )


def first_state(random: Random, size: int) -> State:
    """The state of new merchants."""
    return State(
        level=np.zeros(size),
        mood=random.normal(0, MOOD_SPREAD, size),
        shock=np.zeros(size, dtype=np.int64),
        left=np.zeros(size, dtype=np.int64),
        gone=np.zeros(size, dtype=bool),
    )


def next_state(random: Random, merchants: Merchants, state: State, drift: bool = False) -> State:
    """The state of the day after."""
    size = len(merchants)
    keep = np.exp(-1 / MOOD_DAYS)
    mood = keep * state.mood + random.normal(0, MOOD_SPREAD * np.sqrt(1 - keep**2), size)
    step = merchants.growth / YEAR + (DRIFT if drift else 0.0)
    level = state.level + step + random.normal(0, WANDER, size)
    left = np.maximum(state.left - 1, 0)
    ended = (state.shock != NONE) & (left == 0)
    gone = state.gone | (ended & (state.shock == LEAVING))
    shock = np.where(ended, NONE, state.shock)
    chance, kind = random.random(size), _SHOCKS[np.searchsorted(_SHOCK_ENDS, random.random(size), side="right")]
    days = random.integers(_SHOCK_BOUNDS[kind, 0], _SHOCK_BOUNDS[kind, 1])
    begins = (shock == NONE) & (chance < SHOCK_CHANCE)
    leaves = (shock == NONE) & ~begins & (chance < SHOCK_CHANCE + LEAVING_CHANCE)
    shock = np.where(begins, kind, np.where(leaves, LEAVING, shock))
    left = np.where(begins, days, np.where(leaves, LEAVING_DAYS, left))
    return State(level, mood, shock, left, gone)


def expected_volumes(merchants: Merchants, state: State, day: int) -> Floats:
    """The mean of each merchant's volume on that day, in euros, given its state."""
    at = date.fromordinal(day)
    weekday, of_year = _WEEKDAY[:, at.weekday()], at.timetuple().tm_yday
    season = _SEASON[merchants.segment, merchants.region, of_year - 1]
    logs = merchants.size + state.level + state.mood + merchants.season * season
    logs = logs + _SHOCK_LOG[state.shock]
    fading = np.where(state.shock == LEAVING, 1 - state.left / LEAVING_DAYS, 0.0)
    volume = np.exp(logs - np.log(10) * fading) * weekday[merchants.segment]
    return np.asarray(np.where(state.gone, 0.0, volume))


def draw_day(random: Random, merchants: Merchants, mean: Floats) -> tuple[Integers, Integers]:
    """Transactions and volume (whole euros) of a day with these means."""
    ticket = np.array(TICKETS)[merchants.segment]
    count = random.poisson(mean * np.exp(random.normal(0, DAY_NOISE, len(mean)) - DAY_NOISE**2 / 2) / ticket)
    volume = np.where(count > 0, random.gamma(np.maximum(2.0 * count, 1.0), ticket / 2), 0.0)
    return count, np.maximum(np.rint(volume), count > 0).astype(np.int64)
