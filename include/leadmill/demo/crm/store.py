"""Blocks of drawn leads into the tables, and the clock that makes their rows visible."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from leadmill.demo import source_steps
from leadmill.demo.crm.dirt import with_junk, with_repeats
from leadmill.demo.crm.draws import Lives, Random
from leadmill.demo.crm.facts import facts, new_keys, truth
from leadmill.demo.crm.schema import FACTS
from leadmill.demo.warehouse import copy_rows

_IDS = {"activities": "activity_id", "web_visits": "visit_id"}


@dataclass
class Writer:
    """Writes blocks in the caller's transaction: what is recorded by ``clock`` into crm, the rest into sim."""

    connection: Connection
    clock: datetime
    last_ids: Counter[str] = field(default_factory=Counter)
    """Highest number given so far, per table that numbers its rows."""
    recorded: Counter[str] = field(default_factory=Counter)

    def write(self, random: Random, lives: Lives, regime: int) -> None:
        """One block of leads with their facts, dirt included."""
        keys = new_keys(random, len(lives.leads))
        copy_rows(self.connection, "sim.truth", truth(lives, keys, regime))
        now = pa.scalar(int(self.clock.timestamp())).cast(pa.timestamp("s"))
        for table, clean in with_junk(random, facts(random, lives, keys)).items():
            rows = with_repeats(random, self._numbered(table, clean)).sort_by("recorded_at")
            known = pc.less_equal(rows["recorded_at"], now)
            self.recorded[table] += pc.sum(known).as_py() or 0
            copy_rows(self.connection, f"crm.{table}", rows.filter(known))
            copy_rows(self.connection, f"sim.{table}", rows.filter(pc.invert(known)))

    def _numbered(self, table: str, rows: pa.Table) -> pa.Table:
        """With an id for each row, in the order of recording."""
        if table not in _IDS:
            return rows
        rows = rows.sort_by("recorded_at")
        first = self.last_ids[table] + 1
        self.last_ids[table] += len(rows)
        return rows.add_column(0, _IDS[table], pa.array(np.arange(first, first + len(rows))))


def clock(connection: Connection) -> datetime:
    """The CRM's present."""
    now: datetime = connection.execute(text("SELECT now FROM crm.clock")).scalar_one()
    return now.astimezone(UTC)


def set_clock(connection: Connection, moment: datetime) -> Counter[str]:
    """Move the clock and all rows recorded by then from sim into crm; how many, per table."""
    source_steps.set_clock(connection, "crm", moment)
    moved: Counter[str] = Counter()
    for table in FACTS:
        result = connection.execute(
            text(
                f"WITH moved AS (DELETE FROM sim.{table} WHERE recorded_at <= :now RETURNING *) "
                f"INSERT INTO crm.{table} SELECT * FROM moved"
            ),
            {"now": moment},
        )
        moved[table] = result.rowcount
    return moved


def pending(connection: Connection) -> dict[str, int]:
    """Rows that are not recorded yet, per table."""
    return {table: connection.execute(text(f"SELECT count(*) FROM sim.{table}")).scalar_one() for table in FACTS}
