"""The scoring run: which entities, in which chunks, and each chunk into the run's own generation."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from leadmill import names
from leadmill.clock import source_now
from leadmill.errors import LeadmillError
from leadmill.faults import kill_point
from leadmill.garbage import seldom_collected
from leadmill.registry.champion import champion, load_version
from leadmill.scoring.due import ONE_PROCESS, list_due, parts
from leadmill.scoring.generations import Run, begin, hold, planned, publications, published_rows, unpublished, wrote
from leadmill.scoring.scorer import Scorer, scorer
from leadmill.scoring.shown import Totals, newest_window, shown
from leadmill.scoring.truths import packed, unpacked
from leadmill.spec import UseCase
from leadmill.storage.database import copy_connection, engine
from leadmill.storage.ddl import ensure_tables
from leadmill.storage.frames import copy_tables, read_batches

CHUNK_ROWS = 200_000
MOST_CHUNKS = 64
# Few enough for the processor's caches, enough to make little of scikit-learn's fixed costs.
_BATCH_ROWS = 30_000
# Rows that come one by one in the order of an index, and not all at the end: Postgres reads while Python predicts.
_IN_ORDER = (*ONE_PROCESS, "SET LOCAL enable_hashjoin = off")


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
    changed, because publishing also refreshes the statuses. Who is due is written down with the times of the features,
    so that every try of a chunk scores the same rows. What an earlier attempt of this run wrote is removed. What the
    tables lack, as they may after an upgrade, is added. Raises NoChampion, ModelContractBroken or ColumnChanged.
    """
    serving = champion(use_case)
    ensure_tables(use_case)
    moment = source_now(use_case)
    with engine().begin() as connection:
        generation = begin(connection, use_case, run_id, moment)
        # Asked first: what a window that is published meanwhile brings is seen now and looked at once more.
        window, before = newest_window(connection, use_case), publications(connection, use_case)
        found_due = list_due(connection, use_case, generation, serving.version, moment, shown(connection, use_case))
        total = found_due.entities
        planned(connection, use_case, Run(generation, serving.version, window, before, total, found_due.replaces))
        size = max(chunk_rows, -(-total // MOST_CHUNKS))
        found = parts(connection, use_case, generation, size) if total > size else [("", total)]
    lasts = [last for last, _ in found[:-1]]
    return [
        Chunk(number, found[number][1], serving.version, moment.isoformat(), after, through)
        for number, (after, through) in enumerate(zip([None, *lasts], [*lasts, None], strict=True))
    ]


@seldom_collected()
def score_chunk(use_case: UseCase, run_id: str, chunk: Chunk) -> int:
    """Score one chunk into the run's generation, replacing what this run wrote of it before; returns its rows.

    Of a run that is published nothing is scored again. Raises LeadmillError where the run is not planned.
    """
    with engine().connect() as connection:
        generation = unpublished(connection, use_case, run_id)
        done = generation is None and published_rows(connection, use_case, run_id)[0] >= chunk.rows
    if done or not chunk.rows:
        return chunk.rows
    if generation is None:
        raise _lost(use_case, run_id)
    serving = load_version(use_case, chunk.version)
    table, within = names.score_rows_table(use_case), _within(use_case, chunk)
    truths = [item.name for item in serving.inputs if item.type == "bool"]
    others = [item.name for item in serving.inputs if item.type != "bool"]
    wanted = [use_case.entity.key, "event_timestamp", "created_timestamp", *others]
    with copy_connection() as connection:
        if not hold(connection, use_case, generation):
            raise _lost(use_case, run_id)
        connection.execute(
            sql.SQL("DELETE FROM {} WHERE generation = {} AND {}").format(_name(table), generation, within)
        )
        statement = _features(use_case, generation, [*map(sql.Identifier, wanted), *packed(truths)], within)
        asked = scorer(use_case, serving)
        with closing(read_batches(statement, _BATCH_ROWS, _IN_ORDER)) as batches:
            read = (unpacked(batch, truths) for batch in batches)
            scored = (_scores(use_case, asked, features, chunk, generation, run_id) for features in read)
            totals = Totals()
            rows = copy_tables(connection, table, _counted(scored, totals))
        if rows != chunk.rows:
            raise _lost(use_case, run_id)
        wrote(connection, use_case, generation, chunk.number, totals)
        kill_point("score.chunk_copied")
    return rows


def _scores(
    use_case: UseCase, asked: Scorer, features: pa.Table, chunk: Chunk, generation: int, run_id: str
) -> pa.Table:
    found, reasons = asked.batch(features)
    created = features["created_timestamp"]
    moment = pa.scalar(datetime.fromisoformat(chunk.scored_at), created.type)
    same = {
        "generation": generation,
        "status": "fresh",
        "issued_status": "fresh",
        "model_version": chunk.version,
        "run_id": run_id,
    }
    return pa.table(
        {
            use_case.entity.key: features[use_case.entity.key],
            use_case.score_column: found.score,
            "probability": found.probability,
            "band": found.band,
            "percentile": found.percentile,
            "reasons": reasons,
            "feature_timestamp": features["event_timestamp"],
            # Where the source's clock stands still, a feature row may be written "after" now: its score is no older.
            "scored_at": pc.if_else(pc.greater(created, moment), created, moment),
            **(found.classed.columns() if found.classed else {}),
            **({} if found.decision is None else {"decision": pa.array(found.decision, pa.string())}),
            **{name: pa.repeat(value, len(features)) for name, value in same.items()},
        }
    )


def _counted(scored: Iterable[pa.Table], totals: Totals) -> Iterator[pa.Table]:
    """The same scores, each of which is counted in ``totals``."""
    for one in scored:
        kinds = one.select(["model_version", "band", "status"]).group_by(["model_version", "band", "status"])
        for found in kinds.aggregate([([], "count_all")]).to_pylist():
            totals[found["model_version"], found["band"], found["status"]] += found["count_all"]
        yield one


def _features(use_case: UseCase, generation: int, wanted: list[sql.Composable], within: sql.Composable) -> str:
    """The rows of the features table that are due, in the order of the key: so they are cheap to index."""
    statement = sql.SQL(
        "SELECT {wanted} FROM (SELECT {key}, event_timestamp, created_timestamp FROM {due} WHERE {within}) AS due "
        "JOIN (SELECT * FROM {features} WHERE {within}) AS f "
        "USING ({key}, event_timestamp, created_timestamp) ORDER BY {key}"
    ).format(
        wanted=sql.SQL(", ").join(wanted),
        due=_name(names.due_table(use_case, generation)),
        features=_name(names.features_table(use_case)),
        within=within,
        key=sql.Identifier(use_case.entity.key),
    )
    return statement.as_string(None)


def _within(use_case: UseCase, chunk: Chunk) -> sql.Composable:
    """The chunk's keys."""
    key, kind = sql.Identifier(use_case.entity.key), sql.SQL(use_case.entity.sql_type)
    bounds: list[sql.Composable] = [
        sql.SQL("{} {} CAST({} AS {})").format(key, sql.SQL(sign), bound, kind)
        for sign, bound in ((">", chunk.after), ("<=", chunk.through))
        if bound is not None
    ]
    return sql.SQL(" AND ").join(bounds or [sql.SQL("true")])


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))


def _lost(use_case: UseCase, run_id: str) -> LeadmillError:
    return LeadmillError(
        f"What run {run_id} of '{use_case.name}' planned to score is not there any more. Nothing was published; run "
        f"{use_case.name}_score again."
    )
