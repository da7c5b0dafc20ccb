"""Draws of leads and of their whole lives."""

from dataclasses import dataclass

import numpy as np

from leadmill.demo.crm import world as constants
from leadmill.demo.crm.tables import (
    ABSENT,
    DAY,
    FILLABLE,
    KINDS,
    LEVELS,
    NEVER,
    START,
    WORKING_CODE,
    Events,
    Leads,
    Tables,
)
from leadmill.demo.crm.world import FORM, LOG_SECONDS_SPREAD, VISIT
from leadmill.demo.draw import Flags, Floats, Integers

WON, LOST, REOPENED = "won", "lost", "reopened"
Random = np.random.Generator


@dataclass(frozen=True)
class Lives:
    """Leads with everything that ever happens to them; the arrays beside ``leads`` have one entry per lead."""

    leads: Leads
    events: Events
    intent: Integers
    """The hidden class."""
    won: Flags
    """Of the closed leads: won, not lost."""
    closed_recorded: Integers
    filled_at: Integers
    reopened: Integers
    reopened_recorded: Integers
    deleted_recorded: Integers


def draw_lives(random: Random, tables: Tables, submitted: Integers) -> Lives:
    """The lives of leads submitted at these times (seconds)."""
    size = len(submitted)
    intent = random.choice(constants.CLASSES, size=size, p=np.array(tables.world.classes))
    codes, missing = _attributes(random, tables, intent)
    recorded = submitted + _delay(
        random, size, constants.LEAD_LATE_SHARE, constants.LEAD_PROMPT_DAYS, constants.LEAD_LATE_DAYS
    )
    never = np.full(size, NEVER)
    leads = Leads(submitted, recorded, codes, missing, never, never, never)
    events = _events(random, tables, leads, intent)
    closed, won = _closing(random, tables, leads, events, intent)
    deleted = _sometimes(random, constants.DELETED_SHARE, submitted, constants.DELETED_DAYS)
    deleted = np.where(deleted < closed, deleted, NEVER)
    ends = np.minimum(closed, deleted)
    events = events.where(events.occurred < ends[events.lead])
    filled_at = _sometimes(random, constants.FILLED_SHARE, submitted, constants.FILLED_DAYS)
    filled_at = np.where(missing.any(axis=1) & (filled_at < ends), filled_at, NEVER)
    filled = _after(filled_at, np.maximum(filled_at, recorded) + _usual_delay(random, size))
    reopened = _after(closed, _sometimes(random, constants.REOPENED_SHARE, closed, constants.REOPENED_DAYS))
    reopened = np.where(won | (closed == NEVER), NEVER, reopened)
    outcome_delay = np.minimum(random.exponential(constants.OUTCOME_DAYS, size), constants.OUTCOME_LIMIT_DAYS)
    closed_recorded = _after(closed, closed + _seconds(outcome_delay))
    return Lives(
        Leads(submitted, recorded, codes, missing, filled, closed, deleted),
        events,
        intent,
        won,
        closed_recorded,
        filled_at,
        reopened,
        _after(reopened, np.maximum(reopened, closed_recorded) + _usual_delay(random, size)),
        _after(deleted, np.maximum(deleted, recorded) + _usual_delay(random, size)),
    )


def _attributes(random: Random, tables: Tables, intent: Integers) -> tuple[Integers, Flags]:
    size = len(intent)
    codes = np.zeros((size, START + 1), dtype=np.int64)
    missing = np.zeros((size, len(FILLABLE)), dtype=bool)
    known: dict[str | None, Integers] = {None: np.zeros(size, dtype=np.int64)}
    for at, attribute in enumerate(tables.world.attributes):
        cumulative = np.cumsum(tables.probability[attribute.name], axis=2)[known[attribute.parent], intent]
        drawn = (random.random(size)[:, None] > cumulative).sum(axis=1)
        codes[:, at] = known[attribute.name] = np.minimum(drawn, len(LEVELS[attribute.name]) - 1)
        if attribute.missing:
            shares = np.array(attribute.missing)[intent]
            missing[:, FILLABLE.index(attribute.name)] = random.random(size) < shares
    days = random.geometric(1 / np.array(tables.world.start_days)[intent]) - 1
    absent = random.random(size) < np.array(tables.world.start_missing)[intent]
    codes[:, START] = np.where(absent, ABSENT, days)
    return codes, missing


def _events(random: Random, tables: Tables, leads: Leads, intent: Integers) -> Events:
    """Activities of endless lives, ordered by lead."""
    counts = random.poisson(tables.expected.T[intent] * tables.hushed(leads))
    lead = np.repeat(np.arange(len(leads)), counts.sum(axis=1))
    kind = np.repeat(np.tile(np.arange(len(KINDS)), len(leads)), counts.ravel())
    age = random.exponential(tables.fade[kind, intent[lead]])
    occurred = leads.submitted[lead] + _seconds(age)
    visit = kind == KINDS.index(VISIT)
    visits = int(visit.sum())
    pages, seconds = np.zeros(len(lead), dtype=np.int64), np.zeros(len(lead), dtype=np.int64)
    hidden = intent[lead[visit]]
    pages[visit] = 1 + random.poisson(np.array(tables.world.pages)[hidden])
    drawn = random.normal(np.array(tables.world.log_seconds)[hidden], LOG_SECONDS_SPREAD, visits)
    seconds[visit] = np.clip(np.rint(np.exp(drawn)), 1, DAY).astype(np.int64)
    return Events(lead, kind, occurred, occurred + _usual_delay(random, len(lead)), pages, seconds)


def first_day_forms(leads: Leads, events: Events) -> Integers:
    """Forms of each lead that were recorded within a day of its submission."""
    early = (events.kind == KINDS.index(FORM)) & (events.recorded - leads.submitted[events.lead] <= DAY)
    return np.bincount(events.lead[early], minlength=len(leads))


def _closing(random: Random, tables: Tables, leads: Leads, events: Events, intent: Integers) -> tuple[Integers, Flags]:
    """When each lead is won or lost, and whether it is won."""
    forms = np.minimum(first_day_forms(leads, events), constants.FORMS_COUNTED)
    working = leads.column("occupation") == WORKING_CODE
    win = tables.won[intent] * np.exp(tables.world.form_effect * forms * working)
    lose = tables.lost[intent]
    age = constants.QUIET_DAYS + random.exponential(1 / (win + lose))
    won = random.random(len(leads)) < win / (win + lose)
    closed = np.where(age <= constants.LAST_DAY, leads.submitted + _seconds(age), NEVER)
    return closed, won & (closed < NEVER)


def _sometimes(random: Random, share: float, since: Integers, days: float) -> Integers:
    """A time some days after ``since`` for a share of the leads, NEVER for the others."""
    times = since + _seconds(random.exponential(days, len(since)))
    return np.where(random.random(len(since)) < share, times, NEVER)


def _after(condition: Integers, times: Integers) -> Integers:
    return np.where(condition < NEVER, np.minimum(times, NEVER), NEVER)


def _usual_delay(random: Random, size: int) -> Integers:
    return _delay(random, size, constants.LATE_SHARE, constants.PROMPT_DAYS, constants.LATE_DAYS)


def _delay(random: Random, size: int, late_share: float, prompt: float, late: float) -> Integers:
    mean = np.where(random.random(size) < late_share, late, prompt)
    return _seconds(random.exponential(mean))


def _seconds(days: Floats) -> Integers:
    return np.rint(days * DAY).astype(np.int64)
