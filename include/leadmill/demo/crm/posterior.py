"""The true probability that an open lead is won, given everything recorded by a moment.

A lead's state is its class z and whether it is a working professional (which may not be known yet). The weight of a
state is P(z) x P(attributes, gaps included | z) x the likelihood of the recorded activities x P(not closed yet):

- Activities of a kind occur at rate m / f x exp(-age / f) (m expected in all, f its fading time), and each is
  recorded after a delay D of its own, so the recorded ones are a thinned Poisson process: the likelihood is the
  product of rate x density of the marks over the recorded events, times exp(-expected number recorded by the age a).
  With D a mixture of exponentials of means d and weights p, that number is m x (F(a) - sum p x G(a, d)), where
  F(a) = 1 - exp(-a/f) and G(a, d) = (exp(-a/f) - exp(-a/d)) / (f x (1/d - 1/f)).
- Won and lost are the first of two exponential times after the first day.

Delays, filling in, deletion and reopening do not depend on the state, so they cancel.
"""

from dataclasses import dataclass

import numpy as np

from leadmill.demo.crm import world as constants
from leadmill.demo.crm.tables import ABSENT, DAY, FILLABLE, KINDS, START, WORKING_CODE, Events, Leads, Tables
from leadmill.demo.crm.world import CLASSES, FORM, LOG_SECONDS_SPREAD, VISIT
from leadmill.demo.draw import Flags, Floats, Integers


@dataclass(frozen=True)
class Asked:
    """One question per entry: the lead's position in Leads and the moment (seconds)."""

    lead: Integers
    as_of: Integers


def answerable(leads: Leads, asked: Asked) -> Flags:
    """Known to the warehouse, neither closed nor deleted at the moment."""
    lead, as_of = asked.lead, asked.as_of
    return (leads.recorded[lead] <= as_of) & (leads.closed[lead] > as_of) & (leads.deleted[lead] > as_of)


def probabilities(tables: Tables, leads: Leads, events: Events, asked: Asked) -> Floats:
    """P(won within the horizon after the moment | what was recorded by it, open) for each question.

    ``leads`` are all of the world of ``tables``, ``events`` theirs in the order of leads; every question must be
    answerable.
    """
    age = (asked.as_of - leads.submitted[asked.lead]) / DAY
    row, event = recorded_events(events, asked, len(leads))
    log_weight = _static(tables, leads, asked) + _activity(tables, leads, events, asked.lead, age, row, event)
    form = events.kind[event] == KINDS.index(FORM)
    early = form & (events.recorded[event] - leads.submitted[events.lead[event]] <= DAY)
    forms = _sum_by(row[early], np.ones(int(early.sum())), len(age))
    log_weight = _with_occupation(tables, leads, asked, log_weight)
    won, lost = _hazards(tables, np.arange(constants.FORMS_COUNTED + 1))
    chances = _form_chances(tables, forms, age)
    # (questions, forms counted in the end, class, working)
    past = np.clip(age - constants.QUIET_DAYS, 0.0, constants.LAST_DAY - constants.QUIET_DAYS)
    either = won + lost
    open_still = np.exp(-either * past[:, None, None, None])
    begin = np.maximum(age, constants.QUIET_DAYS)
    end = np.minimum(age + constants.HORIZON_DAYS, constants.LAST_DAY)
    left = np.maximum(end - begin, 0.0)
    win = won / either * -np.expm1(-either * left[:, None, None, None])
    weight = np.exp(log_weight - log_weight.max(axis=(1, 2), keepdims=True))[:, None] * chances[..., None] * open_still
    result: Floats = (weight * win).sum(axis=(1, 2, 3)) / weight.sum(axis=(1, 2, 3))
    return result


def recorded_events(events: Events, asked: Asked, size: int) -> tuple[Integers, Integers]:
    """Pairs (question, event) with the event recorded by the question's moment."""
    first = np.searchsorted(events.lead, np.arange(size + 1))
    begin, count = first[asked.lead], np.diff(first)[asked.lead]
    row = np.repeat(np.arange(len(asked.lead)), count)
    within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    event = begin[row] + within
    known = events.recorded[event] <= asked.as_of[row]
    return row[known], event[known]


def _static(tables: Tables, leads: Leads, asked: Asked) -> Floats:
    """(questions, classes): log P(z) + log P(attributes and gaps | z), but for a working state that is not known."""
    total = np.log(np.array(tables.world.classes)) + np.zeros((len(asked.lead), CLASSES))
    filled = leads.filled[asked.lead] <= asked.as_of
    for at, attribute in enumerate(tables.world.attributes):
        parent = tables.given_parent(attribute.name, leads)
        # A level that a parent never has is never looked at, but its logarithm is taken.
        with np.errstate(divide="ignore"):
            log_share = np.log(tables.probability[attribute.name])
        level = log_share[parent[asked.lead], :, leads.codes[asked.lead, at]]
        if attribute.missing:
            missing = leads.missing[asked.lead, FILLABLE.index(attribute.name)]
            share = np.array(attribute.missing)
            total += np.where(missing[:, None], np.log(share), np.log1p(-share))
            level = np.where((missing & ~filled)[:, None], 0.0, level)
        total += level
    days = leads.codes[asked.lead, START][:, None]
    chance = 1 / np.array(tables.world.start_days)
    absent = np.array(tables.world.start_missing)
    given = np.log1p(-absent) + np.log(chance) + days * np.log1p(-chance)
    return np.asarray(total + np.where(days == ABSENT, np.log(absent), given))


def _with_occupation(tables: Tables, leads: Leads, asked: Asked, log_weight: Floats) -> Floats:
    """(questions, classes, working or not): only the known one, or both by their share where none is known."""
    working = leads.column("occupation")[asked.lead] == WORKING_CODE
    missing = leads.missing[asked.lead, FILLABLE.index("occupation")]
    unknown = missing & (leads.filled[asked.lead] > asked.as_of)
    share = tables.probability["occupation"][tables.given_parent("occupation", leads)[asked.lead], :, WORKING_CODE]
    both = np.stack([np.log1p(-share), np.log(share)], axis=2)
    known = np.where(np.stack([~working, working], axis=1), 0.0, -np.inf)[:, None, :]
    return np.asarray(log_weight[:, :, None] + np.where(unknown[:, None, None], both, known))


def _activity(
    tables: Tables, leads: Leads, events: Events, lead: Integers, age: Floats, row: Integers, event: Integers
) -> Floats:
    """(questions, classes): log likelihood of the recorded activities."""
    kind = events.kind[event]
    event_age = (events.occurred[event] - leads.submitted[events.lead[event]]) / DAY
    each = np.log(tables.expected / tables.fade)[kind] - event_age[:, None] / tables.fade[kind]
    visit = kind == KINDS.index(VISIT)
    pages, seconds = events.pages[event[visit]][:, None], events.seconds[event[visit]][:, None]
    more_pages = np.array(tables.world.pages)
    each[visit] += (pages - 1) * np.log(more_pages) - more_pages
    each[visit] -= (np.log(seconds) - np.array(tables.world.log_seconds)) ** 2 / (2 * LOG_SECONDS_SPREAD**2)
    total = np.stack([_sum_by(row, each[:, z], len(lead)) for z in range(CLASSES)], axis=1)
    expected = recorded_by(tables, age)
    return np.asarray(total - np.einsum("rkz,rk->rz", expected, tables.hushed(leads)[lead]))


def recorded_by(tables: Tables, age: Floats) -> Floats:
    """(ages, kinds, classes): events expected to have occurred and been recorded by these ages (days)."""
    days = age[:, None, None]
    fade = tables.fade
    faded = np.exp(-days / fade)
    number = 1 - faded
    for weight, delay in (
        (1 - constants.LATE_SHARE, constants.PROMPT_DAYS),
        (constants.LATE_SHARE, constants.LATE_DAYS),
    ):
        number = number - weight * (faded - np.exp(-days / delay)) / (fade * (1 / delay - 1 / fade))
    return np.asarray(tables.expected * number)


def _hazards(tables: Tables, forms: Integers) -> tuple[Floats, Floats]:
    """(forms, classes, working or not): hazards of winning and losing, per day."""
    boost = np.exp(tables.world.form_effect * forms[:, None] * np.array([0.0, 1.0]))
    won = tables.won[None, :, None] * boost[:, None, :]
    return won, tables.lost[None, :, None] + np.zeros_like(won)


def _form_chances(tables: Tables, forms: Floats, age: Floats) -> Floats:
    """(questions, forms counted in the end, classes): their chances; certain from the end of the first day on."""
    limit = constants.FORMS_COUNTED
    at = KINDS.index(FORM)
    first_day = recorded_by(tables, np.array([constants.QUIET_DAYS]))[:, at]
    mean = np.maximum(first_day - recorded_by(tables, np.minimum(age, constants.QUIET_DAYS))[:, at], 0.0)
    chances = np.zeros((len(age), limit + 1, CLASSES))
    have = np.minimum(forms, limit).astype(np.int64)
    term = np.exp(-mean)
    for more in range(limit):
        reached = np.flatnonzero(have + more < limit)
        chances[reached, have[reached] + more] = term[reached]
        term = term * mean / (more + 1)
    chances[:, limit] = 1 - chances[:, :limit].sum(axis=1)
    return chances


def _sum_by(row: Integers, values: Floats, size: int) -> Floats:
    return np.asarray(np.bincount(row, weights=values, minlength=size), dtype=np.float64)
