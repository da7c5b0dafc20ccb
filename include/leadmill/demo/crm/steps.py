"""The simulated CRM's two steps: its history up to a fixed day, and the days after it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from leadmill.demo import warehouse
from leadmill.demo.crm import schema, store
from leadmill.demo.crm.arrivals import arrivals
from leadmill.demo.crm.draws import draw_lives
from leadmill.demo.crm.runs import Run, append, runs
from leadmill.demo.crm.tables import tables
from leadmill.demo.crm.world import WORLDS
from leadmill.demo.draw import Integers
from leadmill.demo.source_steps import HISTORY_ENDS, Progress, begin_step, check_forward
from leadmill.errors import LeadmillError

BLOCK = 50_000


@dataclass(frozen=True)
class CrmSummary:
    """What a step did.

    ``leads`` are new; ``recorded`` rows per table became visible in ``crm``, ``pending`` ones wait in ``sim`` for the
    clock, which stands at ``clock``. ``already_loaded``: nothing was done now, the figures are of the load then.
    """

    leads: int
    recorded: Mapping[str, int]
    pending: Mapping[str, int]
    clock: datetime
    already_loaded: bool = False

    @property
    def new(self) -> int:
        """New leads."""
        return self.leads


def load(
    leads: int = 20_000, days: int = 365, seed: int = 7, progress: Progress = lambda done, total: None
) -> CrmSummary:
    """Fill the CRM with ``leads`` leads that came in over the ``days`` before HISTORY_ENDS, all of them or nothing.

    The same arguments give the same rows. A CRM that holds a load of the same arguments is left as it is; raises
    LeadmillError where it holds another.
    """
    if leads < 1 or days < 1:
        raise LeadmillError(f"A CRM needs at least one lead and one day of history; asked for {leads} over {days}.")
    with warehouse.warehouse_engine().begin() as connection:
        begin_step(connection, "crm")
        earlier = runs(connection)
        if earlier:
            return _already_loaded(earlier[0], leads, days, seed)
        schema.create(connection)
        writer = store.Writer(connection, HISTORY_ENDS)
        random = np.random.default_rng([seed, 0])
        submitted = arrivals(random, leads, HISTORY_ENDS - timedelta(days=days), HISTORY_ENDS)
        _write(writer, submitted, [seed, 1], 0, progress)
        schema.create_indexes(connection)
        store.set_clock(connection, HISTORY_ENDS)
        return _record(writer, leads, days, seed, drift=False)


def simulate(
    days: float = 7, drift: bool = False, seed: int = 7, progress: Progress = lambda done, total: None
) -> CrmSummary:
    """Move the clock on by ``days`` in one transaction: leads come in as often as before, and the known ones go on.

    The same seed at the same clock gives the same rows. ``drift``: the new leads come from another mix of sources,
    with more gaps, and are won and lost at other rates. Raises LeadmillError where nothing was loaded yet.
    """
    check_forward(days)
    with warehouse.warehouse_engine().begin() as connection:
        begin_step(connection, "crm")
        earlier = runs(connection)
        if not earlier:
            raise LeadmillError("The simulated CRM is empty. Run './leadmill demo' first.")
        first, last = earlier[0], earlier[-1]
        begin = store.clock(connection)
        end = begin + timedelta(days=days)
        writer = store.Writer(connection, end, Counter(activities=last.last_activity_id, web_visits=last.last_visit_id))
        entropy = [seed, int(begin.timestamp()), int(drift)]
        random = np.random.default_rng([*entropy, 0])
        size = int(random.poisson(first.leads / first.days * days))
        _write(writer, arrivals(random, size, begin, end), [*entropy, 1], int(drift), progress)
        writer.recorded += store.set_clock(connection, end)
        return _record(writer, size, days, seed, drift)


def _write(writer: store.Writer, submitted: Integers, entropy: list[int], regime: int, progress: Progress) -> None:
    world = tables(WORLDS[regime])
    for block, begin in enumerate(range(0, len(submitted), BLOCK)):
        random = np.random.default_rng([*entropy, block])
        part = submitted[begin : begin + BLOCK]
        writer.write(random, draw_lives(random, world, part), regime)
        progress(begin + len(part), len(submitted))


def _already_loaded(run: Run, leads: int, days: int, seed: int) -> CrmSummary:
    if (run.leads, run.days, run.seed) != (leads, days, seed):
        raise LeadmillError(
            f"The simulated CRM holds {run.leads:,} leads over {run.days:g} days (seed {run.seed}), not {leads:,} over "
            f"{days} (seed {seed}). Ask for those that are there, or begin anew with './leadmill reset'."
        )
    return CrmSummary(run.leads, run.recorded, run.pending, run.clock, already_loaded=True)


def _record(writer: store.Writer, leads: int, days: float, seed: int, drift: bool) -> CrmSummary:
    run = Run(
        leads,
        days,
        seed,
        drift,
        writer.clock,
        dict(writer.recorded),
        store.pending(writer.connection),
        writer.last_ids["activities"],
        writer.last_ids["web_visits"],
    )
    append(writer.connection, run)
    return CrmSummary(run.leads, run.recorded, run.pending, run.clock)
