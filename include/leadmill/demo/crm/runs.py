"""The list of steps that filled the simulated CRM."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Run:
    """One row of sim.runs: the load, or a simulation."""

    leads: int
    days: float
    seed: int
    drift: bool
    clock: datetime
    recorded: Mapping[str, int]
    pending: Mapping[str, int]
    last_activity_id: int
    last_visit_id: int


_COLUMNS = tuple(Run.__dataclass_fields__)


def runs(connection: Connection) -> list[Run]:
    """All steps so far, the load first; empty where nothing was loaded."""
    if not connection.execute(text("SELECT to_regclass('sim.runs')")).scalar():
        return []
    rows = connection.execute(text(f"SELECT {', '.join(_COLUMNS)} FROM sim.runs ORDER BY run_no"))
    return [Run(**row._mapping) for row in rows]


def append(connection: Connection, run: Run) -> None:
    """Add a step."""
    values = asdict(run) | {"recorded": json.dumps(run.recorded), "pending": json.dumps(run.pending)}
    connection.execute(
        text(f"INSERT INTO sim.runs ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})"), values
    )
