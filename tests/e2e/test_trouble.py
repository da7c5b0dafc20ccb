"""Trouble at the source, on the running stack: told in the task's log and by the doctor; nothing published moves."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from demo_support import Demo

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

ETL = "x_education_etl"
PUBLISHED = (
    "SELECT (SELECT count(*) FROM features.x_education) AS features, "
    "(SELECT max(scored_at) FROM scores.x_education) AS scored, "
    "(SELECT max(until) FROM ops.windows WHERE use_case = 'x_education' AND status = 'published') AS until"
)


@contextmanager
def superuser(demo: Demo) -> Iterator[psycopg.Connection]:
    secret = json.loads((demo.state / "secrets.json").read_text())["postgres"]
    url = demo.variables()["LEADMILL_WAREHOUSE_URL"]
    host = url.rsplit("@", 1)[1]
    with psycopg.connect(f"postgresql://postgres:{secret}@{host}", autocommit=True) as connection:
        yield connection


def failed_run(demo: Demo) -> str:
    """Trigger the ETL, which must fail; what its log says."""
    with demo.airflow() as airflow:
        run_id = airflow.trigger(ETL)
        assert airflow.wait_for_run(ETL, run_id).state == "failed"
        (task,) = [task for task in airflow.tasks(ETL, run_id) if task.state == "failed"]
        return airflow.log(ETL, run_id, task)


def doctor(demo: Demo) -> str:
    return demo("doctor", "--json", code=1).stdout


def test_a_source_column_that_is_gone(demo: Demo) -> None:
    before = demo.rows(PUBLISHED)
    with superuser(demo) as connection:
        connection.execute("ALTER TABLE x_education.leads RENAME COLUMN city TO town")
        connection.execute("UPDATE demo.clock SET now = now + interval '1 hour'")
    try:
        assert 'column "city" does not exist' in failed_run(demo)
        assert "city" in doctor(demo)
        assert demo.rows(PUBLISHED) == before
    finally:
        with superuser(demo) as connection:
            connection.execute("ALTER TABLE x_education.leads RENAME COLUMN town TO city")
    with demo.airflow() as airflow:
        assert airflow.wait_for_run(ETL, airflow.trigger(ETL)).state == "success"
    assert demo.rows("SELECT count(*) AS n FROM ops.windows WHERE status = 'blocked'") == [{"n": 0}]


def test_a_warehouse_that_does_not_answer(demo: Demo) -> None:
    before = demo.rows(PUBLISHED)
    with superuser(demo) as connection:
        connection.execute("ALTER ROLE leadmill_source NOLOGIN")
    try:
        log = failed_run(demo)
        assert "The warehouse behind connection 'warehouse'" in log
        assert "did not answer" in log
        assert demo.variables()["AIRFLOW_CONN_WAREHOUSE"].split(":")[2].split("@")[0] not in log
        assert "not permitted to log in" in doctor(demo)
        assert demo.rows(PUBLISHED) == before
    finally:
        with superuser(demo) as connection:
            connection.execute("ALTER ROLE leadmill_source LOGIN")


def test_an_empty_window(demo: Demo) -> None:
    before = demo.rows(PUBLISHED)[0]
    with superuser(demo) as connection:
        connection.execute("UPDATE demo.clock SET now = now + interval '1 hour'")
    with demo.airflow() as airflow:
        run_id = airflow.trigger(ETL)
        assert airflow.wait_for_run(ETL, run_id).state == "success"
        states = {task.task_id: task.state for task in airflow.tasks(ETL, run_id)}
        extract = next(task for task in airflow.tasks(ETL, run_id) if task.task_id == "extract")
        assert "An empty window: nothing new in the source" in airflow.log(ETL, run_id, extract)
    assert set(states.values()) == {"skipped"}
    after = demo.rows(PUBLISHED)[0]
    assert (after["features"], after["scored"]) == (before["features"], before["scored"])
    # The watermark moves on all the same: the source is verified through it.
    assert after["until"] > before["until"]
    assert "brought nothing new" in demo("doctor", "--json", code=None).stdout
