"""The scoring run: which entities, in which chunks, and each chunk into staging."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import text

from leadmill import names
from leadmill.clock import source_now
from leadmill.faults import kill_point
from leadmill.features.closed import closed_sql
from leadmill.registry.champion import champion, load_version
from leadmill.scoring.predict import predict
from leadmill.spec import UseCase
from leadmill.storage.database import copy_connection, engine
from leadmill.storage.frames import copy_frame, read_frame

CHUNK_ROWS = 200_000
MOST_CHUNKS = 64


@dataclass(frozen=True)
class Chunk:
    """Part of a scoring run: the keys above ``after`` up to and with ``through`` (None: no bound).

    Plain values only, so that a task can pass it on. Every chunk of a run names one model version and one moment.
    """

    number: int
    rows: int
    version: str
    scored_at: str
    after: str | None
    through: str | None


def plan(use_case: UseCase, run_id: str, chunk_rows: int = CHUNK_ROWS) -> list[Chunk]:
    """Chunks of the entities whose features or champion changed since their published score.

    At most ``chunk_rows`` keys each, and at most 64 of them, which then grow. There is always one, empty where nothing
    changed, because publishing also refreshes the statuses. What an earlier attempt of this run staged is removed.
    Raises NoChampion or ModelContractBroken.
    """
    serving = champion(use_case)
    moment = source_now(use_case)
    with engine().begin() as connection:
        staging = names.scores_staging_table(use_case)
        connection.execute(text(f"DELETE FROM {staging} WHERE run_id = :run"), {"run": run_id})
        values = {"version": serving.version, "rows": chunk_rows, "most": MOST_CHUNKS}
        bounds = connection.execute(text(_parts(use_case)), values).all()
    rows = [int(row.rows) for row in bounds] or [0]
    lasts = [str(row.last) for row in bounds[:-1]]
    return [
        Chunk(number, rows[number], serving.version, moment.isoformat(), after, through)
        for number, (after, through) in enumerate(zip([None, *lasts], [*lasts, None], strict=True))
    ]


def score_chunk(use_case: UseCase, run_id: str, chunk: Chunk) -> int:
    """Score one chunk into staging, replacing what this run staged of it before; returns its rows."""
    serving = load_version(use_case, chunk.version)
    bounds = [chunk.version, chunk.after or "", chunk.through or ""]
    features = read_frame(_features(use_case), bounds)
    scored = predict(use_case, serving, features)
    moment = pd.Timestamp(datetime.fromisoformat(chunk.scored_at))
    scored = scored.assign(
        status="fresh",
        model_version=chunk.version,
        feature_timestamp=features["event_timestamp"],
        # Where the source's clock stands still, a feature row may be written "after" now: its score is no older.
        scored_at=features["created_timestamp"].where(features["created_timestamp"] > moment, moment),
        run_id=run_id,
        chunk=chunk.number,
    )
    staging = names.scores_staging_table(use_case)
    with copy_connection() as connection:
        connection.execute(f"DELETE FROM {staging} WHERE run_id = %s AND chunk = %s", (run_id, chunk.number))
        copy_frame(connection, staging, scored)
        kill_point("score.chunk_copied")
    return len(scored)


def due(use_case: UseCase, version: str = ":version") -> str:
    """SQL: the latest features of the entities to be scored. Nobody else says who is due.

    Those that are not closed and have no score, or one by another version than ``version`` (a placeholder), of other
    features, or made before these features were written.
    """
    key = use_case.entity.key
    return (
        f"SELECT f.* FROM {names.latest_view(use_case)} AS f "
        f"LEFT JOIN {names.scores_table(use_case)} AS s ON s.{key} = f.{key} "
        f"WHERE (s.{key} IS NULL OR s.model_version <> {version} OR s.feature_timestamp <> f.event_timestamp "
        "OR f.created_timestamp > s.scored_at) "
        f"AND NOT {closed_sql(use_case, f'f.{key}')}"
    )


def count_due(use_case: UseCase, version: str) -> int:
    """How many entities wait for a score by that version."""
    with engine().connect() as connection:
        counted = connection.execute(text(f"SELECT count(*) FROM ({due(use_case)}) AS due"), {"version": version})
        count: int = counted.scalar_one()
    return count


def _parts(use_case: UseCase) -> str:
    """Last key and number of rows of each chunk, in the order of the keys."""
    key = use_case.entity.key
    return (
        f"WITH due AS ({due(use_case)}), "
        f"sized AS (SELECT {key}, row_number() OVER (ORDER BY {key}) - 1 AS n, count(*) OVER () AS total FROM due), "
        "parted AS (SELECT *, n / greatest(:rows, ceil(total / CAST(:most AS numeric)))::bigint AS part FROM sized) "
        f"SELECT max({key}) AS last, count(*) AS rows FROM parted GROUP BY part ORDER BY part"
    )


def _features(use_case: UseCase) -> str:
    key, kind = use_case.entity.key, use_case.entity.sql_type
    return (
        f"SELECT * FROM ({due(use_case, '$1')}) AS d "
        f"WHERE ($2 = '' OR d.{key} > nullif($2, '')::{kind}) AND ($3 = '' OR d.{key} <= nullif($3, '')::{kind})"
    )
