"""What a large store costs leadmill: a full run, 1 % changed, and a rescoring that readers do not notice."""

from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks import rows
from benchmarks.whole_path import Progress, Run, call, run_side, spread
from benchmarks.world import TRAINED_ON, World, warehouse

CHANGED_IN = 100


@dataclass(frozen=True)
class Large:
    """One pass over the large store."""

    full: Run
    changed: Run
    rescored: int
    publish_seconds: float
    polls: int
    broken_polls: int
    longest_wait: float


def measure(world: World, count: int, repeats: int, progress: Progress) -> dict[str, Any]:
    """Medians of ``repeats`` passes, each on a fresh server with ``count`` new leads."""
    found = []
    for repeat in range(repeats):
        progress(f"{count:,} leads: full run, 1 % changed, rescoring under a reader, {repeat + 1} of {repeats}")
        with world.with_rows(count):
            found.append(_pass(world, count))
    return {
        "rows": count,
        "full": spread([one.full.total for one in found]),
        "changed_rows": count // CHANGED_IN,
        "changed": spread([one.changed.total for one in found]),
        "full_processor": spread([one.full.processor_total for one in found]),
        "changed_processor": spread([one.changed.processor_total for one in found]),
        "changed_share": spread([one.changed.total / one.full.total for one in found]),
        "peak_mib": max(max(one.full.peak_mib, one.changed.peak_mib) for one in found),
        "postgres_mib": max(max(one.full.postgres_mib, one.changed.postgres_mib) for one in found),
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
    _change_some(count)
    changed = run_side(world, "leadmill")
    rescoring = call(world, "benchmarks.rescoring")
    return Large(full, changed, **rescoring)


def _change_some(count: int) -> None:
    """Record every hundredth of the new leads again, with another number of visits, after all others."""
    last = rows.recorded_at(TRAINED_ON + count)
    with warehouse() as connection:
        connection.execute(
            _changes_sql(connection),
            {"first": TRAINED_ON, "in": CHANGED_IN, "after": last.to_pydatetime(), "count": count},
        )
        rows.move_clock(connection, rows.recorded_at(TRAINED_ON + count + count // CHANGED_IN + 10_000))


def _changes_sql(connection: psycopg.Connection) -> bytes:
    columns = [column.name for column in connection.execute("SELECT * FROM bench.leads LIMIT 0").description or ()]
    changed = {
        "line": "line + %(count)s",
        "recorded_at": "%(after)s + make_interval(secs => (line - %(first)s) / %(in)s)",
        "total_visits": "(coalesce(total_visits, 0) + 7) %% 400",
    }
    values = ", ".join(changed.get(name, name) for name in columns)
    return (
        f"INSERT INTO bench.leads ({', '.join(columns)}) SELECT {values} FROM bench.leads "
        "WHERE line >= %(first)s AND line < %(first)s + %(count)s AND (line - %(first)s) %% %(in)s = 0"
    ).encode()
