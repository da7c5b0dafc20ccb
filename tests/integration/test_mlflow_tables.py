"""MLflow's tables are made by whoever comes first, also where two come at once."""

import os
import subprocess
import sys

import psycopg
import pytest

from leadmill import settings

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
