"""The oracle: how a merchant's next 30 days could come out, for those who know its state; drawn many times over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection

from leadmill.demo.draw import Floats, Integers
from leadmill.demo.tpv import schema
from leadmill.demo.tpv.books import merchant_ids
from leadmill.demo.tpv.replay import Day, replay
from leadmill.demo.tpv.world import draw_day, expected_volumes, next_state

HORIZON_DAYS = 30
DRAWS = 100
SEED = 20_260_601


@dataclass(frozen=True)
class Outlook:
    """What was asked, as columns merchant_id and as_of, and for each row DRAWS volumes that could have come."""

    asked: pd.DataFrame
    drawn: Floats

    @property
    def expected(self) -> Floats:
        """The mean: what the volume is expected to be."""
        return np.asarray(self.drawn.mean(axis=1))

    def quantiles(self, shares: Sequence[float]) -> Floats:
        """(rows, shares): below the first of them the volume comes out with the first share, and so on."""
        return np.asarray(np.quantile(self.drawn, shares, axis=1).T)

    def band_probabilities(self, inner: Sequence[float]) -> Floats:
        """(rows, bands) of the bands that these edges part; a volume on an edge is of the upper one."""
        bands = np.searchsorted(np.asarray(inner), self.drawn, side="right")
        return np.stack([(bands == band).mean(axis=1) for band in range(len(inner) + 1)], axis=1)


def outlook(
    connection: Connection, keys: "Sequence[object] | pd.Series[Any]", as_of: "Sequence[datetime] | pd.Series[Any]"
) -> Outlook:
    """Draw the volume in (as_of, as_of + 30 d] of each pair (key, as_of), given the merchant's true state by then.

    Pairs without an answer are left out: unknown merchants, and those that had not joined or were gone. The others keep
    their order. ``connection`` is the owner's of the demo warehouse (``warehouse_engine``).
    """
    asked = pd.DataFrame(
        {"merchant_id": np.array([str(key) for key in keys], dtype=object), "as_of": pd.to_datetime(as_of, utc=True)}
    )
    # The newest day that had ended.
    day = np.array([moment.toordinal() - 1 for moment in asked["as_of"]], dtype=np.int64)
    drawn = np.full((len(asked), DRAWS), np.nan)
    number = pd.Series(dtype=np.int64)
    wanted = set(day.tolist())
    for one in replay(schema.runs(connection)):
        if one.day in wanted:
            if len(number) < len(one.merchants):
                everyone = np.arange(len(one.merchants))
                number = pd.Series(everyone, index=pd.Index(merchant_ids(everyone).to_pylist(), dtype=object))
            rows = np.flatnonzero(day == one.day)
            who = asked["merchant_id"].iloc[rows].map(number)
            there = np.flatnonzero(who.notna().to_numpy())
            found = who.to_numpy()[there].astype(np.int64)
            open_then = one.open[found]
            drawn[rows[there[open_then]]] = _drawn(one, found[open_then])
    answered = ~np.isnan(drawn[:, 0])
    return Outlook(asked[answered].reset_index(drop=True), drawn[answered])


def _drawn(day: Day, who: Integers) -> NDArray[np.float64]:
    """(merchants, DRAWS): their sums of the days after this one."""
    random = np.random.default_rng([SEED, day.day])
    copies = np.repeat(who, DRAWS)
    merchants, state = day.merchants.take(copies), day.state.take(copies)
    total = np.zeros(len(copies))
    for ahead in range(1, HORIZON_DAYS + 1):
        state = next_state(random, merchants, state)
        total += draw_day(random, merchants, expected_volumes(merchants, state, day.day + ahead))[1]
    return total.reshape(len(who), DRAWS)
