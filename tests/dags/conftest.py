"""Airflow in this process, on the throw-away Postgres."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import crm

from leadmill import settings

__all__ = ["crm"]


@pytest.fixture(scope="session")
def airflow_database(postgres: dict[str, str]) -> Iterator[dict[str, str]]:
    """Airflow's own tables, migrated; its settings point there."""
    command = [str(Path(sys.executable).with_name("airflow")), "db", "migrate"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    import airflow.settings

    # Another test may have imported airflow before the server was there.
    wanted = postgres["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    if wanted != airflow.settings.SQL_ALCHEMY_CONN:
        airflow.settings.configure_vars()
        airflow.settings.configure_orm()
    yield postgres
    airflow.settings.dispose_orm()


@pytest.fixture(scope="session")
def dagbag(airflow_database: dict[str, str]) -> Any:
    """Every DAG of the repository, as Airflow reads them."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(settings.ROOT / "dags"))
