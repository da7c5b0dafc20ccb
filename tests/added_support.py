"""Use cases in a folder of their own for the tests, and the stages after the ETL without Airflow."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from support import clean_database

from leadmill import settings
from leadmill.registry import store
from leadmill.registry.begin import begin_training
from leadmill.registry.documents import Verdict
from leadmill.registry.evaluate import evaluate
from leadmill.registry.fit import fit
from leadmill.registry.gate import gate
from leadmill.registry.promote import promote
from leadmill.scoring.batch import plan, score_chunk
from leadmill.scoring.publish import ScoreSummary, publish_scores
from leadmill.spec import UseCase, load_use_case

Edit = Callable[[dict[str, Any]], None]


def blocks(document: str, language: str) -> list[str]:
    """The code of that language in ``docs/<document>.md``, block by block."""
    text = (settings.ROOT / "docs" / f"{document}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@contextmanager
def use_cases_in(folder: Path) -> Iterator[Path]:
    """Use cases are looked for in ``folder`` only, in this process and those that it starts."""
    settings.apply({"LEADMILL_USE_CASES": str(folder)})
    try:
        yield folder
    finally:
        del os.environ["LEADMILL_USE_CASES"]
        settings.current.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder in which use cases are looked for."""
    with use_cases_in(tmp_path / "use_cases") as made:
        made.mkdir()
        yield made


def copied(name: str, folder: Path, edit: Edit) -> UseCase:
    """A copy of a use case of this repository, its spec edited; loaded from ``folder``."""
    shutil.copytree(settings.ROOT / "include" / "use_cases" / name, folder / name)
    return edited(name, folder, edit)


def edited(name: str, folder: Path, edit: Edit, features: Callable[[str], str] | None = None) -> UseCase:
    """The use case after a change of its spec and, where given, of its ``features.sql``."""
    edit_spec(folder / name, edit)
    if features:
        query = folder / name / "sql" / "features.sql"
        query.write_text(features(query.read_text()))
    return load_use_case(name)


def edit_spec(folder: Path, edit: Edit) -> None:
    """Change the spec in this folder of a use case."""
    file = folder / "use_case.yaml"
    raw = yaml.safe_load(file.read_text())
    edit(raw)
    file.write_text(yaml.safe_dump(raw, sort_keys=False))


def small(raw: dict[str, Any]) -> None:
    """A spec that learns from few rows, quickly."""
    raw["gate"] = {"min_rows": 20, "min_positives": 10, "non_inferior_by": 0.5}
    raw["model"] = {"candidates": ["logistic_regression"], "metric": "pr_auc"}


def train(use_case: UseCase, run_key: str) -> Verdict:
    """A whole training; a model that passes the gate becomes champion."""
    run_id = begin_training(use_case, run_key, "a test")
    fit(use_case, run_id)
    evaluate(use_case, run_id)
    verdict = gate(use_case, run_id, "tester")
    if verdict.passed:
        promote(use_case, run_id, "tester")
    return verdict


def score(use_case: UseCase, run_id: str) -> ScoreSummary:
    """Score whatever is due."""
    staged = sum(score_chunk(use_case, run_id, chunk) for chunk in plan(use_case, run_id))
    return publish_scores(use_case, run_id, staged)


def forget(*schemas: str) -> None:
    """An empty database of ours, none of these schemas in the warehouse, no models."""
    clean_database()
    with psycopg.connect(settings.required("LEADMILL_WAREHOUSE_URL"), autocommit=True) as owner:
        for schema in schemas:
            owner.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
    forget_models()


def forget_models() -> None:
    """No registered model is left, and no training that would be found again by its key."""
    client = store.client()
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id]):
            client.delete_run(run.info.run_id)
