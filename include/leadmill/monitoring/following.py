"""How far people follow the score, from what they entered in ``ops.follow_ups``."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from leadmill.monitoring import intervals, ranking
from leadmill.monitoring.issued import WINDOWS, first_scores_sql
from leadmill.monitoring.store import replace_rows
from leadmill.spec import UseCase

ALL = "all"
_TABLE = "followed_scores"


@dataclass(frozen=True)
class Following:
    """Of a band as issued (or all): how many were contacted and overridden; ``agreement`` of 'all' only."""

    days: int
    band: str
    entities: int
    contacted: int
    share: float | None
    low: float | None
    high: float | None
    overridden: int
    agreement: float | None = None


def store_following(connection: Connection, use_case: UseCase, run_id: str, now: datetime) -> list[Following]:
    """Count each trailing window up to ``now`` and store it under ``run_id``; nothing where no score was issued."""
    found = [one for days in WINDOWS for one in following(connection, use_case, days, now)]
    rows = [{"as_of": now, **asdict(one)} for one in found]
    replace_rows(connection, "ops.following", use_case.name, run_id, rows)
    return found


def following(connection: Connection, use_case: UseCase, days: int, now: datetime) -> list[Following]:
    """Every band, best first, and 'all'.

    Of each entity the first score issued in the window counts; it was contacted when that happened after the score and
    by ``now``, and is overridden when its newest override has not been withdrawn. The agreement is the probability
    that a contacted entity has a higher score than one that was not (Mann and Whitney, 1947); ties count half.
    """
    connection.execute(text(f"DROP TABLE IF EXISTS {_TABLE}"))
    connection.execute(
        text(f"CREATE TEMPORARY TABLE {_TABLE} ON COMMIT DROP AS {_followed(use_case)}"),
        {"since": now - timedelta(days=days), "until": now, "name": use_case.name},
    )
    rows = connection.execute(
        text(
            "SELECT coalesce(band, :every) AS band, count(*) AS n, sum(positive) AS contacted, "
            f"sum(overridden) AS overridden FROM {_TABLE} GROUP BY ROLLUP (band)"
        ),
        {"every": ALL},
    )
    counted = {row.band: row for row in rows}
    agreement = ranking.ranking(connection, _TABLE).roc_auc
    found = []
    for band in (*use_case.score.bands, ALL):
        row = counted.get(band)
        if row is not None and row.n:
            n, contacted = int(row.n), int(row.contacted)
            low, high = intervals.share(contacted, n) or (None, None)
            whole = agreement if band == ALL else None
            found.append(Following(days, band, n, contacted, contacted / n, low, high, int(row.overridden), whole))
    return found


def _followed(use_case: UseCase) -> str:
    """SQL of the first scores with ``positive`` (contacted) and ``overridden``, both 0 or 1."""
    key = use_case.entity.key
    mine = f"FROM ops.follow_ups AS f WHERE f.use_case = :name AND f.entity_key = s.{key}\\:\\:text"
    return (
        f"SELECT s.*, (EXISTS (SELECT {mine} AND f.kind = 'contacted' AND f.happened_at >= s.scored_at "
        "AND f.happened_at <= :until))\\:\\:int AS positive, "
        f"coalesce((SELECT (f.kind = 'override')\\:\\:int {mine} AND f.kind IN ('override', 'override_withdrawn') "
        "AND f.happened_at <= :until ORDER BY f.happened_at DESC, f.follow_up_id DESC LIMIT 1), 0) AS overridden "
        f"FROM ({first_scores_sql(use_case)}) AS s"
    )
