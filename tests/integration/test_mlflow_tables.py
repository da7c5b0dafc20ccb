"""MLflow's tables: made by whoever comes first, and their addresses after the artifacts have moved."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from support import x_education

from leadmill import settings
from leadmill.local import artifacts
from leadmill.registry import store

pytestmark = pytest.mark.slow

COME = "from leadmill.registry.store import client; print(len(client().search_registered_models()))"


@pytest.mark.timeout(180)
def test_processes_that_come_at_once_make_the_tables_once(postgres: dict[str, str]) -> None:
    url = settings.current().mlflow_url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA fresh")
        try:
            there = os.environ | {"LEADMILL_MLFLOW_URL": f"{url}?options=-csearch_path%3Dfresh"}
            coming = [
                subprocess.Popen(
                    [sys.executable, "-c", COME], env=there, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                )
                for _ in range(3)
            ]
            ended = [one.communicate(timeout=150) for one in coming]
            assert [one.returncode for one in coming] == [0, 0, 0], ended
            assert [told for told, _ in ended] == ["0\n"] * 3
            made = connection.execute("SELECT to_regclass('fresh.alembic_version')").fetchone()
            assert made is not None
            assert made[0] == "fresh.alembic_version"
        finally:
            connection.execute("DROP SCHEMA fresh CASCADE")


def test_models_follow_a_state_folder_that_has_moved(
    postgres: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "a folder", tmp_path / "another"
    use_case = x_education().model_copy(update={"name": "moved"})
    monkeypatch.setenv("LEADMILL_MLFLOW_ARTIFACTS", str(old))
    settings.current.cache_clear()
    experiment = store.experiment_id(use_case)
    run = store.client().create_run(experiment).info.run_id
    store.write_json(run, "figures.json", {"rows": 3})
    url = settings.current().mlflow_url
    assert not artifacts.follow(url, old)
    # Where nothing of it is, nothing is changed.
    assert not artifacts.follow(url, new)
    old.rename(new)
    assert artifacts.follow(url, new)
    assert store.read_json(run, "figures.json") == {"rows": 3}
    later = store.client().create_run(experiment).info.run_id
    store.write_json(later, "figures.json", {})
    assert (new / "moved" / later).is_dir()
    assert not old.exists()
    store.client().delete_experiment(experiment)
