"""Score the rows of a file, in their order, in bounded memory; killed and run again it goes on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from leadmill.clock import source_now
from leadmill.errors import FileRejected, LeadmillError
from leadmill.faults import kill_point
from leadmill.prepare.donors import newest_imputer
from leadmill.prepare.imputer import Imputer
from leadmill.prepare.typed import derived
from leadmill.registry.champion import champion, load_version
from leadmill.scoring.file.columns import find_columns
from leadmill.scoring.file.judging import Judge
from leadmill.scoring.file.output import bad_rows_file, put_together
from leadmill.scoring.file.reading import opened
from leadmill.scoring.file.work import BAD, SCORED, TYPED, Plan, Work, working
from leadmill.scoring.scorer import Scorer, scorer
from leadmill.spec import UseCase
from leadmill.storage.csv_file import fingerprint

if TYPE_CHECKING:
    import pandas as pd

PART_ROWS = 50_000
Progress = Callable[[str, int, int], None]
"""Called with what is done (reading, scoring), how much of it since the last call, and of how much in all."""


@dataclass(frozen=True)
class FileScored:
    """What came of a file: ``rows`` = ``scored`` + ``rejected``; ``resumed``: an earlier run had begun it."""

    output: str
    rejected_file: str
    model_version: str
    rows: int
    scored: int
    rejected: int
    resumed: bool


def score_file(use_case: UseCase, path: Path, output: Path, progress: Progress = lambda *_: None) -> FileScored:
    """Score every row of a CSV or Parquet file by the champion, into a file of either kind, in the order of the rows.

    Rows are read by the rules of the spec. A row that breaks one is set aside with its reasons in the file that
    ``bad_rows_file`` names. Of a snapshot whose features derive, ``sql/features.sql`` sees all rows of the file and
    nothing else: its history is the file's own. Gaps are filled by the newest imputer, as of a payload.

    What is done is kept beside the output until both files are there. Killed and called again with the same file, spec
    and output it goes on, by the version with which it began, and leaves what one run would have left. Raises
    FileRejected, NoChampion, FeaturesFailed, and LeadmillError where another process writes the same output.
    """
    if path.resolve() in (output.resolve(), bad_rows_file(output).resolve()):
        raise LeadmillError(f"{path} would be overwritten by its scores; give another output.")
    digest = fingerprint(path)
    with working(output) as work:
        plan = work.plan()
        resumed = plan is not None and (plan.use_case, plan.sha256, plan.spec_version) == (
            *(use_case.name, digest, use_case.version),
        )
        if plan is None or not resumed:
            plan = _planned(use_case, digest)
            work.begin(plan)
        asked = scorer(use_case, load_version(use_case, plan.model_version))
        _read(use_case, path, work, plan, asked, progress)
        scored = _score(use_case, work, plan, asked, progress)
        put_together(work, output)
        rejected = sum(len(rows) for rows in work.parts(BAD))
        kill_point("score_file.put_together")
    return FileScored(
        str(output), str(bad_rows_file(output)), plan.model_version, scored + rejected, scored, rejected, resumed
    )


def _planned(use_case: UseCase, digest: str) -> Plan:
    return Plan(
        use_case=use_case.name,
        sha256=digest,
        spec_version=use_case.version,
        model_version=champion(use_case).version,
        imputer_version=newest_imputer(use_case).version,
        moment=source_now(use_case).isoformat(),
        part_rows=PART_ROWS,
    )


def _read(use_case: UseCase, path: Path, work: Work, plan: Plan, asked: Scorer, progress: Progress) -> None:
    """Judge and type the rows, part by part, those that are there already left out."""
    done, size = len(work.numbers(TYPED)), path.stat().st_size
    with opened(path, plan.part_rows, done, lambda read: progress("reading", read, size)) as rows:
        needed = frozenset(item.feature for item in asked.inputs)
        columns = find_columns(use_case, path, rows.header, needed)
        judge = Judge(use_case, columns, datetime.fromisoformat(plan.moment))
        for part in rows.parts:
            judged = judge.judge(part)
            # A typed part says that its bad rows are there, too.
            work.store(BAD, part.number, judged.bad)
            work.store(TYPED, part.number, judged.typed)
            kill_point("score_file.read")
    if not work.numbers(TYPED):
        raise FileRejected(str(path), "has a header but no rows")


def _score(use_case: UseCase, work: Work, plan: Plan, asked: Scorer, progress: Progress) -> int:
    """Score the typed rows that come after those that are scored; how many are scored then."""
    imputer = newest_imputer(use_case, plan.imputer_version)
    total = sum(len(rows) for rows in work.parts(TYPED))
    done = sum(len(rows) for rows in work.parts(SCORED))
    after = max(work.numbers(SCORED), default=0)
    progress("scoring", done, total)
    for rows in _featured(use_case, work, after):
        if not len(rows) and (done or total):
            continue
        last = int(rows["row_no"][-1].as_py()) if len(rows) else 0
        # Named by its last row: what is scored next comes after it.
        work.store(SCORED, last, _scored(use_case, rows, asked, imputer))
        done += len(rows)
        progress("scoring", len(rows), total)
        kill_point("score_file.scored")
    if done != total:
        raise LeadmillError(
            f"sql/features.sql of '{use_case.name}' made {done:,} rows of {total:,}: of a snapshot each row gives one."
        )
    return done


def _featured(use_case: UseCase, work: Work, after: int) -> Iterator[pa.Table]:
    """The rows after ``after`` with their features, gaps and all."""
    if use_case.derives and not use_case.has_events:
        yield from derived(use_case, work.parts(TYPED), "d.row_no", after)
        return
    for rows in work.parts(TYPED):
        if not len(rows) or rows["row_no"][-1].as_py() > after:
            yield rows


def _scored(use_case: UseCase, rows: pa.Table, asked: Scorer, imputer: Imputer) -> pa.Table:
    filled = _filled(use_case, rows, imputer)
    found = asked.many({item.name: filled[item.name].to_numpy() for item in asked.inputs})
    return pa.table(
        {
            "row": rows["row_no"],
            use_case.entity.key: rows[use_case.entity.key],
            use_case.score_column: found.score,
            "probability": found.probability,
            "band": pa.array(found.band, pa.string()),
            "percentile": found.percentile,
            **(found.classed.columns() if found.classed else {}),
            **({} if found.decision is None else {"decision": pa.array(found.decision, pa.string())}),
            "model_version": pa.repeat(asked.version, len(rows)),
        }
    )


def _filled(use_case: UseCase, rows: pa.Table, imputer: Imputer) -> "pd.DataFrame":
    columns = use_case.feature_columns
    frame = rows.select([column.name for column in columns]).to_pandas()
    for column in columns:
        if column.impute == "none":
            frame[column.name] = frame[column.name].fillna(column.cold_start)
    return imputer.fill(frame, columns)
