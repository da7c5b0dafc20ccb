"""The doctor's checks of Airflow: components, broken DAG files, failed runs."""

from collections.abc import Iterator
from http import HTTPStatus

from leadmill.local import stack, status, supervision
from leadmill.local.airflow_api import Airflow, AirflowRefused, Run, TaskInstance
from leadmill.local.doctor import Check, Finding
from leadmill.local.supervisor import API

SHOWN_LINES = 3


def components_healthy() -> Iterator[Finding]:
    state = stack.folder()
    if not supervision.alive(state):
        known = supervision.record(state)
        if known is None:
            yield Finding("Airflow", "note", "stopped", "./leadmill up")
        else:
            found = f"the supervisor died:\n{supervision.last_lines(state, 'supervisor', SHOWN_LINES)}"
            yield Finding("Airflow", "wrong", found, "./leadmill up")
        return
    for service in status.status().services:
        if service.name == "postgres":
            continue
        check = "Scoring API" if service.name == API else "Airflow"
        if service.health == "healthy":
            again = f", restarted {service.restarts} times" if service.restarts else ""
            yield Finding(check, "note" if again else "ok", f"{service.name} is healthy{again}")
        else:
            found = f"{service.name} is {service.health}:\n{supervision.last_lines(state, service.name, SHOWN_LINES)}"
            yield Finding(check, "wrong", found, "Wait ten seconds; if it stays, ./leadmill down and ./leadmill up")


def dag_files_import() -> Iterator[Finding]:
    if not _answers():
        return
    with _client() as airflow:
        broken = airflow.import_errors()
        count = len(airflow.dag_ids())
    for one in broken:
        shown = "\n".join(one.text.splitlines()[-SHOWN_LINES:])
        remedy = f"Mend dags/{one.file.removeprefix('dags/')}; Airflow reads it again within seconds."
        yield Finding("DAG files", "wrong", f"{one.file} cannot be imported:\n{shown}", remedy)
    if not broken:
        yield Finding("DAG files", "ok", f"{count} DAGs, no broken file")


def latest_runs_succeeded() -> Iterator[Finding]:
    """A DAG is sound when its newest finished run is; older failures are history."""
    if not _answers():
        return
    with _client() as airflow:
        newest = [run for dag_id in airflow.dag_ids() if (run := airflow.newest_finished(dag_id)) is not None]
        failed = [run for run in newest if run.state == "failed"]
        for run in failed:
            yield _failure(airflow, run)
    if not failed:
        found = f"the latest run of each of {len(newest)} DAGs succeeded" if newest else "no run yet"
        yield Finding("Runs", "ok", found)


def _failure(airflow: Airflow, run: Run) -> Finding:
    tasks = [task for task in airflow.tasks(run.dag_id, run.run_id) if task.state == "failed"]
    if not tasks:
        return Finding("Runs", "wrong", f"{run.dag_id}: run {run.run_id} failed", "Look at it in the Airflow UI.")
    task = tasks[0]
    shown = "\n".join(_error(airflow, run, task).splitlines()[:SHOWN_LINES])
    remedy = f"Mend the cause, then clear the task or trigger {run.dag_id} again."
    return Finding("Runs", "wrong", f"{run.dag_id}, task {task.task_id} of {run.run_id}: {shown}", remedy)


def _error(airflow: Airflow, run: Run, task: TaskInstance) -> str:
    try:
        return airflow.error(run.dag_id, run.run_id, task) or "no error in its log: it was killed or lost"
    except AirflowRefused as refused:
        if refused.status != HTTPStatus.NOT_FOUND:
            raise
        return "no log: it was marked as failed before it started"


def _client() -> Airflow:
    variables = stack.environment()
    return Airflow(variables["AIRFLOW_URL"], variables["AIRFLOW_USER"], variables["AIRFLOW_PASSWORD"])


def _answers() -> bool:
    """Whether the API can be asked; components_healthy reports it when not."""
    if not supervision.alive(stack.folder()):
        return False
    with _client() as airflow:
        try:
            return airflow.health()["metadatabase"] == "healthy"
        except AirflowRefused:
            return False


AIRFLOW_CHECKS: tuple[Check, ...] = (components_healthy, dag_files_import, latest_runs_succeeded)
