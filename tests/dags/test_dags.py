"""The DAGs as Airflow sees them, and the ETL run by Airflow's own task runner."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support import Warehouse, lead, query, varied

from leadmill import settings
from leadmill.spec import load_use_case, use_case_names

TASKS = {
    "etl": ["extract", "check_raw", "impute_encode", "check_features", "publish", "materialize"],
    "train": ["training_set", "fit", "evaluate", "gate", "promote"],
    "tune": ["tune"],
    "score": ["plan", "score", "publish"],
    "monitor": ["drift", "performance", "freshness", "retraining", "forget"],
}


def test_every_file_gives_exactly_its_dags_without_errors(dagbag: Any) -> None:
    assert dagbag.import_errors == {}
    files = [file.stem for file in (settings.ROOT / "dags").glob("*.py")]
    assert sorted(files) == use_case_names()
    assert set(dagbag.dags) == {f"{name}_{kind}" for name in files for kind in TASKS}


def test_safe_mode_finds_the_words_it_looks_for() -> None:
    for file in (settings.ROOT / "dags").glob("*.py"):
        text = file.read_text().lower()
        assert "airflow" in text
        assert "dag" in text


@pytest.mark.parametrize("kind", list(TASKS))
@pytest.mark.parametrize("name", use_case_names())
def test_each_dag_is_described_for_people(dagbag: Any, name: str, kind: str) -> None:
    dag, use_case = dagbag.dags[f"{name}_{kind}"], load_use_case(name)
    assert [task.task_id for task in dag.topological_sort()] == TASKS[kind]
    assert {"leadmill", name, kind} <= set(dag.tags)
    assert use_case.title in dag.doc_md
    assert use_case.title in dag.dag_display_name
    assert f"features.{name}" in dag.doc_md
    assert (use_case.note in dag.doc_md) or not use_case.note
    for task in dag.tasks:
        assert re.fullmatch(r"[A-Z][^_]+", task.task_display_name), task.task_id
    assert (dag.catchup, dag.max_active_runs) == (False, 1)


def test_assets_chain_the_source_to_the_scores(dagbag: Any) -> None:
    def names(assets: Any) -> set[str]:
        return {asset.name for asset in assets}

    etl, train, tune, score, monitor = (dagbag.dags[f"x_education_{kind}"] for kind in TASKS)
    assert names(etl.get_task("extract").inlets) == {"source/x_education"}
    assert names(etl.get_task("materialize").outlets) == {"features/x_education"}
    assert names(train.get_task("promote").outlets) == {"model/x_education"}
    assert names(tune.get_task("tune").outlets) == {"params/x_education"}
    assert names(score.get_task("publish").outlets) == {"scores/x_education"}
    assert names(monitor.get_task("drift").outlets) == {"drift/x_education"}
    assert names(monitor.get_task("retraining").outlets) == {"training/x_education"}
    outlets = [asset.name for dag in (etl, train, tune, score, monitor) for task in dag.tasks for asset in task.outlets]
    assert len(outlets) == len(set(outlets)) == 6


def test_a_training_starts_on_sundays_and_when_data_makes_it_due(dagbag: Any) -> None:
    timetable = dagbag.dags["x_education_train"].timetable
    assert [asset.name for asset in timetable.asset_condition.objects] == ["training/x_education"]
    assert timetable.timetable.expression == "0 0 * * 0"


def test_a_manual_run_of_the_etl_may_release_a_window(dagbag: Any) -> None:
    params = dagbag.dags["x_education_etl"].params
    assert {name: params[name] for name in params} == {"release_window": False, "reason": None}


def test_a_manual_run_of_the_tuning_may_be_bounded(dagbag: Any) -> None:
    params = dagbag.dags["leads_tune"].params
    assert {name: params[name] for name in params} == {"trials": None, "minutes": None, "reason": None}


def test_reading_the_files_twice_gives_the_same_dags(dagbag: Any) -> None:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    again = DagBag(str(settings.ROOT / "dags"))
    for dag_id, dag in dagbag.dags.items():
        assert DagSerialization.serialize_dag(again.dags[dag_id]) == DagSerialization.serialize_dag(dag)


# Airflow's in-process task runner imports what warns about its own future; not ours to mend.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_airflow_runs_the_etl_and_skips_an_empty_window(
    crm: Warehouse, dagbag: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    from airflow.utils.state import DagRunState, TaskInstanceState

    dag = dagbag.dags["x_education_etl"]
    crm.spread(range(60))
    first = dag.test()
    states = {ti.task_id: ti.state for ti in first.get_task_instances()}
    assert states == dict.fromkeys(TASKS["etl"], TaskInstanceState.SUCCESS)
    window = query("SELECT * FROM ops.windows")[0]
    assert (window["status"], window["read"], window["appended"], window["materialized"]) == ("published", 60, 60, True)
    assert window["run_id"] == first.run_id
    stages = query("SELECT stage, seconds FROM ops.runs WHERE run_id = %s", [first.run_id])
    assert {row["stage"] for row in stages} == set(TASKS["etl"])
    assert query("SELECT count(*) AS n FROM online.leadmill_x_education_features") == [{"n": 60}]

    capfd.readouterr()
    crm.later()
    second = dag.test()
    states = {ti.task_id: ti.state for ti in second.get_task_instances()}
    assert states == dict.fromkeys(TASKS["etl"], TaskInstanceState.SKIPPED)
    assert second.state == DagRunState.SUCCESS
    assert "An empty window: nothing new in the source" in "".join(capfd.readouterr())
    assert query("SELECT count(*) AS n FROM features.x_education") == [{"n": 60}]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_a_blocked_window_fails_the_task_and_a_release_lets_it_through(crm: Warehouse, dagbag: Any) -> None:
    from airflow.utils.state import DagRunState, TaskInstanceState

    dag = dagbag.dags["x_education_etl"]
    crm.insert([lead(1, totalvisits="many"), varied(2)])
    crm.later(timedelta(hours=1))
    blocked = dag.test()
    states = {ti.task_id: ti.state for ti in blocked.get_task_instances()}
    assert blocked.state == DagRunState.FAILED
    assert (states["extract"], states["check_raw"]) == (TaskInstanceState.SUCCESS, TaskInstanceState.FAILED)
    assert states["materialize"] == TaskInstanceState.UPSTREAM_FAILED
    assert query("SELECT status FROM ops.windows") == [{"status": "blocked"}]
    released = dag.test(run_conf={"release_window": True, "reason": "a known test lead"})
    assert released.state == DagRunState.SUCCESS
    window = query("SELECT status, release_reason, appended FROM ops.windows")
    assert window == [{"status": "published", "release_reason": "a known test lead", "appended": 1}]


def test_a_new_installation_on_a_sunday_makes_up_for_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's own arithmetic, after the way that the schedule takes through the database."""
    from airflow.serialization.decoders import decode_run_immediately
    from airflow.serialization.encoders import encode_run_immediately
    from airflow.timetables import trigger

    from leadmill.orchestration.runtime import FROM_NOW_ON

    sunday = datetime(2026, 11, 22, 4, tzinfo=UTC)
    monkeypatch.setattr(trigger, "utcnow", lambda: sunday)
    kept = decode_run_immediately(encode_run_immediately(FROM_NOW_ON))
    weekly = trigger.CronTriggerTimetable("0 0 * * 0", timezone="UTC", run_immediately=kept)
    assert weekly._calc_first_run() == sunday + timedelta(days=6, hours=20)
