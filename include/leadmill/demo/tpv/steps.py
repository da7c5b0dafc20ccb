"""The simulated acquirer's two steps: its history up to a fixed day, and the days after it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import dropwhile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from leadmill.demo import warehouse
from leadmill.demo.source_steps import HISTORY_ENDS, Progress, begin_step, check_forward, set_clock
from leadmill.demo.tpv import schema
from leadmill.demo.tpv.books import REACH, rows
from leadmill.demo.tpv.replay import OLD_SHARE, Day, Run, replay
from leadmill.errors import LeadmillError


@dataclass(frozen=True)
class TpvSummary:
    """What a step did.

    ``merchants`` are new; ``recorded`` rows per table were written up to ``clock``. ``already_loaded``: nothing was
    done now, the figures are of the load then.
    """

    merchants: int
    recorded: Mapping[str, int]
    clock: datetime
    already_loaded: bool = False

    @property
    def new(self) -> int:
        """New merchants."""
        return self.merchants


def load(
    merchants: int = 800, days: int = 912, seed: int = 7, progress: Progress = lambda done, total: None
) -> TpvSummary:
    """Fill the acquirer's tables with ``merchants`` over the ``days`` before HISTORY_ENDS, all of them or nothing.

    The same arguments give the same rows. A load of the same arguments is left as it is; raises LeadmillError where
    there is another.
    """
    if merchants < 1 or days < 1:
        raise LeadmillError(
            f"An acquirer needs at least one merchant and one day of history; asked for {merchants} over {days}."
        )
    run = Run(merchants, days, seed, False, HISTORY_ENDS)
    with warehouse.warehouse_engine().begin() as connection:
        begin_step(connection, "acquirer")
        earlier = schema.runs(connection)
        if earlier and earlier[0] != run:
            there = earlier[0]
            raise LeadmillError(
                f"The simulated acquirer holds {there.merchants:,} merchants over {there.days:g} days (seed "
                f"{there.seed}), not {merchants:,} over {days} (seed {seed}). Ask for those that are there, or begin "
                "anew with './leadmill reset'."
            )
        if earlier:
            return TpvSummary(merchants, schema.counts(connection), HISTORY_ENDS, already_loaded=True)
        schema.create(connection)
        _write(connection, [run], None, progress)
        schema.create_indexes(connection)
        return TpvSummary(merchants, schema.counts(connection), HISTORY_ENDS)


def simulate(
    days: float = 7, drift: bool = False, seed: int = 7, progress: Progress = lambda done, total: None
) -> TpvSummary:
    """Move the clock on by ``days`` in one transaction: merchants join as often as before, and the known ones go on.

    The same seed at the same clock gives the same rows. ``drift``: everyone's volumes fall, faster than they ever did.
    Raises LeadmillError where nothing was loaded yet.
    """
    check_forward(days)
    with warehouse.warehouse_engine().begin() as connection:
        begin_step(connection, "acquirer")
        earlier = schema.runs(connection)
        if not earlier:
            raise LeadmillError("The simulated acquirer is empty. Run './leadmill demo tpv' first.")
        first, begin = earlier[0], earlier[-1].clock
        end = begin + timedelta(days=days)
        often = (1 - OLD_SHARE) * first.merchants / first.days
        random = np.random.default_rng([seed, int(begin.timestamp()), int(drift)])
        joining = int(random.poisson(often * days)) if end.date() > begin.date() else 0
        run = Run(joining, days, seed, drift, end)
        _write(connection, [*earlier, run], begin, progress)
        return TpvSummary(joining, schema.counts(connection, begin), end)


def _write(connection: Connection, runs: list[Run], since: datetime | None, progress: Progress) -> None:
    """Add the last of the runs: what it recorded after ``since``, by its clock."""
    end = runs[-1].clock
    days = _told(replay(runs), round(sum(run.days for run in runs)), progress)
    if since is not None:
        begin = since.toordinal() - REACH
        days = dropwhile(lambda one: one.day < begin, days)
    for table, written in rows(days).items():
        known = pc.less_equal(written["recorded_at"], _seconds(end))
        if since is not None:
            known = pc.and_(known, pc.greater(written["recorded_at"], _seconds(since)))
        warehouse.copy_rows(connection, f"acquirer.{table}", written.filter(known))
    schema.append(connection, runs[-1])
    set_clock(connection, "acquirer", end)


def _told(days: Iterator[Day], total: int, progress: Progress) -> Iterator[Day]:
    for done, day in enumerate(days, 1):
        progress(done, total)
        yield day


def _seconds(moment: datetime) -> pa.Scalar:
    return pa.scalar(int(moment.timestamp())).cast(pa.timestamp("s"))
