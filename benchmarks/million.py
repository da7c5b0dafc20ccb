"""What a large store costs leadmill: a full run, 1 % changed, a rescoring that readers do not notice, all changed."""

from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks import rows
from benchmarks.whole_path import Progress, Run, call, run_side, spread
from benchmarks.world import TRAINED_ON, World, warehouse
from leadmill import settings

CHANGED_IN = 100


@dataclass(frozen=True)
class Large:
    """One pass over the large store; rows are those that joined the history."""

    full: Run
    changed: Run
    changed_rows: int
    all_changed: Run
    all_changed_rows: int
    rescored: int
    publish_seconds: float
    polls: int
    broken_polls: int
    longest_wait: float

    @property
    def runs(self) -> tuple[Run, ...]:
        return self.full, self.changed, self.all_changed


def measure(world: World, count: int, repeats: int, progress: Progress) -> dict[str, Any]:
    """Medians of ``repeats`` passes, each on a fresh server with ``count`` new leads."""
    found = []
    for repeat in range(repeats):
        progress(
            f"{count:,} leads: full run, 1 % changed, rescoring under a reader, all changed, {repeat + 1} of {repeats}"
        )
        with world.with_rows(count):
            found.append(_pass(world, count))
    return {
        "rows": count,
        "full": spread([one.full.total for one in found]),
        "changed_rows": found[0].changed_rows,
        "all_changed_rows": found[0].all_changed_rows,
        "changed": spread([one.changed.total for one in found]),
        "all_changed": spread([one.all_changed.total for one in found]),
        "full_processor": spread([one.full.processor_total for one in found]),
        "changed_processor": spread([one.changed.processor_total for one in found]),
        "all_changed_processor": spread([one.all_changed.processor_total for one in found]),
        "changed_share": spread([one.changed.total / one.full.total for one in found]),
        "changed_share_of_all": spread([one.changed.total / one.all_changed.total for one in found]),
        "peak_mib": max(run.peak_mib for one in found for run in one.runs),
        "postgres_mib": max(run.postgres_mib for one in found for run in one.runs),
        "publish": {
            "rows": found[0].rescored,
            "seconds": spread([one.publish_seconds for one in found]),
            "polls": sum(one.polls for one in found),
            "broken_polls": sum(one.broken_polls for one in found),
            "longest_wait": max(one.longest_wait for one in found),
        },
    }


def _pass(world: World, count: int) -> Large:
    full = run_side(world, "leadmill")
    changed, changed_rows = _changed(world, count, CHANGED_IN, 1)
    rescoring = call(world, "benchmarks.rescoring")
    all_changed, all_changed_rows = _changed(world, count, 1, 2)
    return Large(full, changed, changed_rows, all_changed, all_changed_rows, **rescoring)


def _changed(world: World, count: int, every: int, times: int) -> tuple[Run, int]:
    """A run after every so many-th lead was recorded again, with other visits, and the rows that it appended."""
    with warehouse() as connection:
        connection.execute(
            _changes_sql(connection), {"first": TRAINED_ON, "every": every, "times": times, "count": count}
        )
        last = _one(connection, "SELECT max(recorded_at) FROM bench.leads")
        rows.move_clock(connection, last + rows.READABLE_AFTER)
    run = run_side(world, "leadmill")
    with psycopg.connect(settings.current().database_url) as connection:
        return run, _one(connection, "SELECT appended FROM ops.windows ORDER BY window_id DESC LIMIT 1")


def _one(connection: psycopg.Connection, statement: str) -> Any:
    found = connection.execute(statement.encode()).fetchone()
    assert found is not None
    return found[0]


def _changes_sql(connection: psycopg.Connection) -> bytes:
    columns = [column.name for column in connection.execute("SELECT * FROM bench.leads LIMIT 0").description or ()]
    changed = {
        "line": "line + %(times)s * %(count)s",
        "recorded_at": "(SELECT max(recorded_at) FROM bench.leads) "
        "+ make_interval(secs => 1 + (line - %(first)s) / %(every)s)",
        "total_visits": "(coalesce(total_visits, 0) + 7 * %(times)s) %% 400",
    }
    values = ", ".join(changed.get(name, name) for name in columns)
    return (
        f"INSERT INTO bench.leads ({', '.join(columns)}) SELECT {values} FROM bench.leads "
        "WHERE line >= %(first)s AND line < %(first)s + %(count)s AND (line - %(first)s) %% %(every)s = 0"
    ).encode()
