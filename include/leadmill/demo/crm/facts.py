"""What the CRM's systems write about drawn lives: rows of its four tables, and the truth that stays hidden."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadmill.demo.crm.draws import LOST, REOPENED, WON, Lives, Random
from leadmill.demo.crm.tables import ABSENT, ATTRIBUTES, DAY, FILLABLE, KINDS, LEVELS, NEVER, START
from leadmill.demo.crm.words import MISSING, SELECT, SHOWN_AS_SELECT, SPELLINGS
from leadmill.demo.crm.world import VISIT
from leadmill.demo.draw import Flags, Integers, Strings, pick

TRACKER_ZONE = "Europe/Berlin"
Rows = dict[str, pa.Table]


def new_keys(random: Random, size: int) -> pa.Array:
    """Random UUIDs of version 4, as text."""
    raw = np.frombuffer(random.bytes(16 * size), dtype=np.uint8).reshape(size, 16).copy()
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    digits = np.frombuffer(raw.tobytes().hex().encode(), dtype="S1").reshape(size, 32)
    text = np.insert(digits, (8, 12, 16, 20), b"-", axis=1)
    offsets = np.arange(size + 1, dtype=np.int32) * 36
    return pa.Array.from_buffers(
        pa.string(), size, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(text.tobytes())]
    )


def times(seconds: Integers) -> pa.Array:
    """Seconds since 1970 as times, NEVER as null; the CRM's sessions run in UTC."""
    return pa.array(seconds, mask=seconds >= NEVER).cast(pa.timestamp("s"))


def local_times(seconds: Integers) -> pa.Array:
    """What the tracker's clock on the wall shows at these moments."""
    moments = pd.DatetimeIndex(seconds.astype("datetime64[s]")).tz_localize("UTC")
    return pa.array(moments.tz_convert(TRACKER_ZONE).tz_localize(None)).cast(pa.timestamp("s"))


def facts(random: Random, lives: Lives, keys: pa.Array) -> Rows:
    """Clean rows of each table: ids are still missing, order is by lead."""
    return {
        "leads": _versions(random, lives, keys),
        "activities": _activities(lives, keys),
        "web_visits": _visits(lives, keys),
        "outcomes": _outcomes(lives, keys),
    }


def _versions(random: Random, lives: Lives, keys: pa.Array) -> pa.Table:
    leads = lives.leads
    everyone = np.arange(len(leads))
    filled = np.flatnonzero(lives.filled_at < NEVER)
    deleted = np.flatnonzero(leads.deleted < NEVER)
    who = np.concatenate([everyone, filled, deleted])
    with_gaps = np.concatenate(
        [everyone >= 0, filled < 0, lives.filled_at[deleted] > leads.deleted[deleted]],
    )
    texts = {name: pa.array(_shown(random, lives, name, who, with_gaps), pa.string()) for name in ATTRIBUTES}
    days = leads.codes[:, START]
    start = np.where(days == ABSENT, NEVER, leads.submitted // DAY + days)[who]
    return pa.table(
        {
            "lead_id": keys.take(who),
            "changed_at": times(np.concatenate([leads.submitted, lives.filled_at[filled], leads.deleted[deleted]])),
            **texts,
            "submitted_at": times(leads.submitted[who]),
            "effective_start_date": pa.array(np.where(start >= NEVER, 0, start), mask=start >= NEVER)
            .cast(pa.int32())
            .cast(pa.date32()),
            "deleted": pa.array(np.repeat([False, False, True], [len(everyone), len(filled), len(deleted)])),
            "recorded_at": times(
                np.concatenate([leads.recorded, leads.filled[filled], lives.deleted_recorded[deleted]])
            ),
        }
    )


def _shown(random: Random, lives: Lives, name: str, who: Integers, with_gaps: Flags) -> Strings:
    """The attribute as each version shows it: a lead keeps its spelling and its kind of gap."""
    text = np.array(LEVELS[name], dtype=object)[lives.leads.column(name)]
    for level in set(SPELLINGS).intersection(LEVELS[name]):
        spelled = np.flatnonzero(text == level)
        text[spelled] = pick(random, SPELLINGS[level], len(spelled))
    gap = np.full(len(text), None, dtype=object)
    gap[random.random(len(text)) < SHOWN_AS_SELECT.get(name, 0.0)] = SELECT
    text = np.where(text == MISSING, gap, text)[who]
    if name in FILLABLE:
        hidden = lives.leads.missing[who, FILLABLE.index(name)] & with_gaps
        text = np.where(hidden, gap[who], text)
    return text


def _activities(lives: Lives, keys: pa.Array) -> pa.Table:
    events = lives.events.where(lives.events.kind != KINDS.index(VISIT))
    return pa.table(
        {
            "lead_id": keys.take(events.lead),
            "kind": pa.array(KINDS).take(events.kind),
            "occurred_at": times(events.occurred),
            "recorded_at": times(events.recorded),
        }
    )


def _visits(lives: Lives, keys: pa.Array) -> pa.Table:
    events = lives.events.where(lives.events.kind == KINDS.index(VISIT))
    return pa.table(
        {
            "lead_id": keys.take(events.lead),
            "visited_at": local_times(events.occurred),
            "pages": events.pages,
            "seconds": events.seconds,
            "recorded_at": times(events.recorded),
        }
    )


def _outcomes(lives: Lives, keys: pa.Array) -> pa.Table:
    leads = lives.leads
    closed = np.flatnonzero((leads.closed < NEVER) & (leads.deleted == NEVER))
    reopened = np.flatnonzero((lives.reopened < NEVER) & (leads.deleted == NEVER))
    who = np.concatenate([closed, reopened])
    outcome = np.concatenate(
        [np.where(lives.won[closed], WON, LOST).astype(object), np.full(len(reopened), REOPENED, dtype=object)]
    )
    return pa.table(
        {
            "lead_id": keys.take(who),
            "outcome": pa.array(outcome, pa.string()),
            "occurred_at": times(np.concatenate([leads.closed[closed], lives.reopened[reopened]])),
            "recorded_at": times(np.concatenate([lives.closed_recorded[closed], lives.reopened_recorded[reopened]])),
        }
    )


def truth(lives: Lives, keys: pa.Array, regime: int) -> pa.Table:
    """One row per lead with all that the oracle needs; arrays are written as Postgres reads them."""
    leads, events = lives.leads, lives.events
    bounds = pa.array(np.searchsorted(events.lead, np.arange(len(leads) + 1)).astype(np.int32))
    since = leads.submitted[events.lead]
    per_event: Mapping[str, Integers] = {
        "kinds": events.kind,
        "occurred": events.occurred - since,
        "recorded": events.recorded - since,
        "pages": events.pages,
        "seconds": events.seconds,
    }
    return pa.table(
        {
            "lead_id": keys,
            "regime": pa.array(np.full(len(leads), regime)),
            "intent": lives.intent,
            "submitted_at": times(leads.submitted),
            "recorded_at": times(leads.recorded),
            "filled_at": times(leads.filled),
            "closed_at": times(leads.closed),
            "won": pa.array(lives.won, mask=leads.closed == NEVER),
            "deleted_at": times(leads.deleted),
            "codes": _arrays(leads.codes.ravel(), _bounds(len(leads), leads.codes.shape[1])),
            "missing": _arrays(leads.missing.ravel().astype(np.int64), _bounds(len(leads), len(FILLABLE))),
            **{name: _arrays(values, bounds) for name, values in per_event.items()},
        }
    )


def _bounds(size: int, width: int) -> pa.Array:
    return pa.array(np.arange(size + 1, dtype=np.int32) * width)


def _arrays(values: Integers, bounds: pa.Array) -> pa.Array:
    """Lists of numbers as Postgres array literals."""
    lists = pa.ListArray.from_arrays(bounds, pa.array(values).cast(pa.string()))
    return pc.binary_join_element_wise("{", pc.binary_join(lists, ","), "}", "")
