"""A small X Education training, and its scores: what tests of training and of scoring share."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psycopg
from added_support import forget
from support import query, run_etl, x_education

from leadmill import settings
from leadmill.demo.generator import generate, write_csv
from leadmill.demo.loader import load_file
from leadmill.registry.begin import begin_training
from leadmill.registry.documents import Verdict
from leadmill.registry.evaluate import Evaluation, evaluate
from leadmill.registry.fit import fit
from leadmill.registry.gate import gate
from leadmill.registry.promote import Promotion, promote
from leadmill.scoring.batch import plan, score_chunk
from leadmill.scoring.publish import ScoreSummary, publish_scores
from leadmill.spec import UseCase
from leadmill.storage.frames import read_frame

LEADS = 1500
SCORES, HISTORY = "scores.x_education", "scores.x_education_history"
X_EDUCATION = ("demo", "x_education")
"""Schemas of its source."""
ROWS, RUNS = "scores.x_education_rows", "scores.x_education_runs"


@dataclass
class Trained:
    """The first training."""

    use_case: UseCase
    run_id: str
    evaluation: Evaluation
    verdict: Verdict
    promotion: Promotion


@contextmanager
def training(*candidates: str) -> Iterator[Trained]:
    """A champion among these candidates, or those of the spec, on a database that is emptied before and after."""
    forget(*X_EDUCATION)
    use_case = only(x_education(), *candidates) if candidates else x_education()
    with tempfile.TemporaryDirectory() as folder:
        load_file(use_case, write_csv(generate(rows=LEADS), Path(folder) / "leads.csv"))
    run_etl(use_case)
    run_id = begin_training(use_case, "train-1", "a test")
    fit(use_case, run_id)
    evaluation = evaluate(use_case, run_id)
    verdict = gate(use_case, run_id, "tester")
    yield Trained(use_case, run_id, evaluation, verdict, promote(use_case, run_id, "tester"))
    forget(*X_EDUCATION)


def execute(statement: str) -> None:
    with psycopg.connect(settings.current().database_url, autocommit=True) as connection:
        connection.execute(statement.encode())


def forget_scores() -> None:
    execute(f"TRUNCATE {ROWS}, {RUNS}")


def changed_by_hand() -> None:
    """Scores or features were changed by nobody's run: what is kept of those that are shown is no longer known."""
    execute(f"UPDATE {RUNS} SET complete_for = NULL, totals = NULL")


def assert_totals_hold() -> None:
    """What is kept with the run that is shown is what a count of its scores finds."""
    kinds = "model_version, band, status"
    found = query(f"SELECT {kinds}, count(*) AS rows FROM {SCORES} GROUP BY {kinds} ORDER BY {kinds}")
    assert query(f"SELECT totals FROM {RUNS} WHERE shown") == [{"totals": found}]


def only(use_case: UseCase, *candidates: str) -> UseCase:
    """The use case with these candidates and no variant, to be quick."""
    model = use_case.model.model_copy(update={"candidates": candidates, "variants": {}})
    return use_case.model_copy(update={"model": model})


def stage(use_case: UseCase, run_id: str, chunk_rows: int = 400) -> int:
    """Plan and score; rows that wait to be published."""
    return sum(score_chunk(use_case, run_id, chunk) for chunk in plan(use_case, run_id, chunk_rows))


def score(use_case: UseCase, run_id: str, chunk_rows: int = 400) -> ScoreSummary:
    return publish_scores(use_case, run_id, stage(use_case, run_id, chunk_rows))


def state() -> tuple[pd.DataFrame, pd.DataFrame, int]:
    scores, history = (read_frame(f"SELECT * FROM {table} ORDER BY 1, run_id") for table in (SCORES, HISTORY))
    return scores, history, unpublished()


def unpublished() -> int:
    """Rows of runs that are not published."""
    at_work = f"SELECT generation FROM {RUNS} WHERE published IS NULL"
    rows: int = query(f"SELECT count(*) AS n FROM {ROWS} WHERE generation IN ({at_work})")[0]["n"]
    return rows


def assert_same(found: tuple[pd.DataFrame, pd.DataFrame, int], wanted: tuple[pd.DataFrame, pd.DataFrame, int]) -> None:
    pd.testing.assert_frame_equal(found[0], wanted[0])
    pd.testing.assert_frame_equal(found[1], wanted[1])
    assert found[2] == wanted[2] == 0
