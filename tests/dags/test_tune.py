"""The tuning DAG by Airflow's own task runner."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from added_support import blocks, forget
from scoring_support import X_EDUCATION, only
from support import query, run_etl, x_education

from leadmill.demo.generator import generate, write_csv
from leadmill.demo.loader import load_file
from leadmill.orchestration import tune
from leadmill.spec import UseCase

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def small(airflow_database: dict[str, str], tmp_path: Path) -> Iterator[UseCase]:
    """X Education with 400 leads and one candidate."""
    forget(*X_EDUCATION)
    use_case = only(x_education(), "logistic_regression")
    few = use_case.gate.model_copy(update={"min_rows": 300, "min_positives": 60})
    load_file(use_case, write_csv(generate(rows=400), tmp_path / "leads.csv"))
    run_etl(use_case)
    yield use_case.model_copy(update={"gate": few})
    forget(*X_EDUCATION)


def test_a_tuning_by_hand_is_bounded_and_tells_each_trial(small: UseCase, caplog: pytest.LogCaptureFixture) -> None:
    run: Any = tune(small).test(run_conf={"trials": 2, "reason": "new kinds of leads"})
    assert [str(task.state) for task in run.get_task_instances()] == ["success"]
    assert query("SELECT run_id, reason, trials, ended_by FROM ops.studies") == [
        {"run_id": run.run_id, "reason": "new kinds of leads", "trials": 2, "ended_by": "trials"}
    ]
    trials = query("SELECT number, state, run_id FROM ops.trials ORDER BY number")
    assert trials == [{"number": number, "state": "complete", "run_id": run.run_id} for number in range(2)]
    for number in range(2):
        assert f"logistic_regression, trial {number}: 0." in caplog.text
    (statement,) = [block for block in blocks("monitoring", "sql") if "Each run:" in block]
    (cost,) = [row for row in query(statement.strip().removesuffix(";")) if row["run_id"] == run.run_id]
    assert (cost["stages"], cost["rows"], cost["seconds"] > 0, cost["bytes"] > 0) == (1, 320, True, True)
