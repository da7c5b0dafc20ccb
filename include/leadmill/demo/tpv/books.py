"""What the acquirer writes of the true days: late, twice, corrected and now and then broken."""

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from leadmill.demo.crm.facts import Rows, times
from leadmill.demo.draw import Flags, Integers
from leadmill.demo.tpv.replay import Day
from leadmill.demo.tpv.world import REGIONS, SEGMENTS, Merchants, Random

DAY = 86_400
_EPOCH = 719_163
"""1970-01-01 as a day of the proleptic calendar."""

PROMPT = (2 * 3600, 3600)
"""A day's figures come so many seconds after its end, and as many more on average."""
LATE_SHARE, LATE = 0.02, (6 * 3600, 40 * 3600)
CORRECTED_SHARE, CORRECTED = 0.004, (3 * 3600, 22 * 3600)
LATEST = 70 * 3600
"""Nothing that counts is recorded later after the end of its day; the use case's lag is longer."""
REPEATED_SHARE, REPEATED = 0.003, (3600, 5 * DAY)
JUNK_SHARE = 0.0004
REGION_MISSING = 0.04
REACH = 8
"""Days until everything of a day is written."""


def merchant_ids(numbers: Integers) -> pa.Array:
    """M000001 for number 0, and so on."""
    return pa.array([f"M{number + 1:06d}" for number in numbers.tolist()], pa.string())


def rows(days: Iterable[Day]) -> Rows:
    """Everything that is ever written of these days, per table, in the order of recording."""
    daily: list[dict[str, Integers]] = []
    profiles: list[pa.Table] = []
    for day in days:
        random = np.random.default_rng([day.seed, day.day, 3])
        daily.append(_figures(random, day))
        new = np.flatnonzero(day.merchants.since == day.day)
        left = np.flatnonzero(day.left)
        # The same draws for every merchant, whatever happens on the day.
        minute = random.integers(8 * 60, 20 * 60, len(day.merchants))
        known = random.integers(1, 2 * 24 * 60, len(day.merchants))
        begin = (day.day - _EPOCH) * DAY
        joined = begin + 60 * minute[new]
        profiles.append(_profiles(day.merchants, new, joined, joined, "active"))
        closed = np.full(len(left), begin + DAY // 2)
        profiles.append(_profiles(day.merchants, left, closed, closed + 60 * known[left], "closed"))
    return {
        "merchants": pa.concat_tables(profiles).sort_by("recorded_at"),
        "daily_volumes": _table({name: np.concatenate([one[name] for one in daily]) for name in daily[0]}),
    }


def _figures(random: Random, day: Day) -> dict[str, Integers]:
    """Figures of the open merchants, each as first written, then corrections, repeats and junk."""
    who = np.flatnonzero(day.open)
    size, ends = len(who), (day.day + 1 - _EPOCH) * DAY
    delay = PROMPT[0] + random.exponential(PROMPT[1], size)
    delay += np.where(random.random(size) < LATE_SHARE, random.integers(*LATE, size), 0)
    first = np.minimum(delay, LATEST - CORRECTED[1]).astype(np.int64)
    volume = day.volume[who]
    wrong = (random.random(size) < CORRECTED_SHARE) & (volume > 0)
    shown = np.where(wrong, np.rint(volume * random.uniform(0.2, 3.0, size)).astype(np.int64), volume)
    written = {
        "merchant": who,
        "day": np.full(size, day.day - _EPOCH),
        "transactions": day.transactions[who],
        "volume": shown,
        "recorded": ends + first,
        "junk": np.zeros(size, dtype=np.int64),
    }
    parts = [written]
    mended = _some(written, wrong, random.integers(*CORRECTED, size))
    parts.append({**mended, "volume": volume[wrong]})
    parts.append(_some(written, random.random(size) < REPEATED_SHARE, random.integers(*REPEATED, size)))
    junk = random.random(size) < JUNK_SHARE
    parts.append(
        {**_some(written, junk, np.zeros(size, dtype=np.int64)), "junk": random.integers(1, 4, int(junk.sum()))}
    )
    return {name: np.concatenate([part[name] for part in parts]) for name in written}


def _some(written: dict[str, Integers], chosen: Flags, later: Integers) -> dict[str, Integers]:
    found = {name: values[chosen] for name, values in written.items()}
    return {**found, "recorded": found["recorded"] + later[chosen]}


def _table(found: dict[str, Integers]) -> pa.Table:
    """As the books show it; junk is 1: a broken key, 2: a count below zero, 3: a day that has not come."""
    order = np.argsort(found["recorded"], kind="stable")
    merchant, junk = found["merchant"][order], found["junk"][order]
    known = merchant_ids(np.arange(int(merchant.max(initial=0)) + 1))
    keys = known.take(pa.array(merchant))
    broken = pa.compute.binary_join_element_wise(keys, pa.scalar("MERCHANT"), " ")
    return pa.table(
        {
            "merchant_id": pa.compute.if_else(pa.array(junk == 1), broken, keys),
            "day": pa.array((found["day"][order] + 400 * (junk == 3)).astype(np.int32)).cast(pa.date32()),
            "transactions": np.where(junk == 2, -1, found["transactions"][order]),
            "volume": found["volume"][order],
            "recorded_at": times(found["recorded"][order]),
        }
    )


def _profiles(merchants: Merchants, who: Integers, changed: Integers, recorded: Integers, status: str) -> pa.Table:
    opened = (merchants.opened[who] - _EPOCH).astype(np.int32)
    # Spelling and gaps belong to the merchant, whichever row shows it.
    spelled = [_spelled(SEGMENTS[merchants.segment[one]], one) for one in who.tolist()]
    region = [None if one % 100 < 100 * REGION_MISSING else REGIONS[merchants.region[one]] for one in who.tolist()]
    return pa.table(
        {
            "merchant_id": merchant_ids(who),
            "segment": pa.array(spelled, pa.string()),
            "region": pa.array(region, pa.string()),
            "opened_on": pa.array(opened).cast(pa.date32()),
            "status": pa.array([status] * len(who), pa.string()),
            "changed_at": times(changed),
            "recorded_at": times(recorded),
        }
    )


def _spelled(segment: str, number: int) -> str:
    forms: Sequence[str] = (segment, segment.capitalize(), segment.upper(), f" {segment}")
    return forms[number % 7] if number % 7 < len(forms) else segment
