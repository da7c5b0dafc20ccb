"""Six empty tasks in a row through Airflow as ``./leadmill up`` sets it up.

``python -m benchmarks.empty_dag REPEATS FOLDER``: a stack of its own in FOLDER, whose only DAG is this one. Seconds are
Airflow's own, from the run's start to its end; the first run, which warms up, is left out. Prints one line of JSON.
"""

import sys
from pathlib import Path
from typing import Any

from benchmarks.measured import answer
from benchmarks.whole_path import spread
from leadmill import settings
from leadmill.local import stack
from leadmill.local.airflow_api import Airflow

DAG_ID = "empty_tasks"
_DAG = f'''"""Six empty tasks in a row, an Airflow DAG."""

from datetime import datetime

from airflow.sdk import dag, task


@dag(dag_id="{DAG_ID}", schedule=None, catchup=False, start_date=datetime(2026, 1, 1))
def build():
    @task
    def nothing(before=None):
        return None

    found = nothing()
    for number in range(5):
        found = nothing.override(task_id=f"nothing_{{number}}")(found)


build()
'''


def measure(repeats: int, folder: Path) -> dict[str, Any]:
    """Seconds of ``repeats`` runs."""
    home = folder / "home"
    (home / "dags").mkdir(parents=True)
    (home / "plugins").mkdir()
    # The scoring API, which comes with the stack, reads it.
    (home / "feature_repo").symlink_to(settings.ROOT / "feature_repo")
    (home / "dags" / "empty_tasks.py").write_text(_DAG)
    state = folder / "airflow-state"
    settings.apply({"LEADMILL_HOME": str(home), "LEADMILL_STATE": str(state), "AIRFLOW_HOME": str(state / "airflow")})
    try:
        variables = stack.up()
        with Airflow(variables["AIRFLOW_URL"], variables["AIRFLOW_USER"], variables["AIRFLOW_PASSWORD"]) as airflow:
            airflow.wait_for_dag(DAG_ID)
            airflow.unpause(DAG_ID)
            seconds = [_run(airflow) for _ in range(repeats + 1)][1:]
    finally:
        stack.down()
    return {"tasks": 6, "seconds": spread(seconds)}


def _run(airflow: Airflow) -> float:
    run = airflow.wait_for_run(DAG_ID, airflow.trigger(DAG_ID))
    assert run.state == "success", f"the run ended as {run.state}"
    assert run.seconds is not None
    return run.seconds


def main() -> None:
    answer(lambda: measure(int(sys.argv[1]), Path(sys.argv[2])))


if __name__ == "__main__":
    main()
