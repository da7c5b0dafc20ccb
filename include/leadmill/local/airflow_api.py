"""A small typed client of Airflow's REST API (/api/v2), for the stack, the demo and the doctor."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from leadmill.errors import LeadmillError

POLL_SECONDS = 0.5
REQUEST_SECONDS = 30.0
FINISHED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
RUN_FINISHED = ("success", "failed")
COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")


class AirflowRefused(LeadmillError):
    """Airflow answered with an error, or not at all."""

    def __init__(self, what: str, reason: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(f"Airflow did not {what}: {reason}. './leadmill doctor' says what is wrong.")


class DagNotFound(LeadmillError):
    """A DAG did not appear; its file may be broken."""

    def __init__(self, dag_id: str, seconds: float, broken: list["ImportFailure"]) -> None:
        self.dag_id, self.broken = dag_id, broken
        because = "\n".join(f"{one.file}:\n{one.text}" for one in broken)
        hint = f"These DAG files are broken:\n{because}" if broken else "No DAG file of it was found in dags/."
        super().__init__(f"Airflow knows no DAG '{dag_id}' after {seconds:.0f} s. {hint}")


@dataclass(frozen=True)
class ImportFailure:
    """A DAG file that Airflow could not import."""

    file: str
    text: str


@dataclass(frozen=True)
class Run:
    """One DAG run; ``state`` is queued, running, success or failed."""

    dag_id: str
    run_id: str
    state: str
    run_type: str
    conf: Mapping[str, Any]
    queued_at: datetime | None
    started: datetime | None
    ended: datetime | None

    @property
    def finished(self) -> bool:
        return self.state in RUN_FINISHED

    @property
    def seconds(self) -> float | None:
        return (self.ended - self.started).total_seconds() if self.started and self.ended else None


@dataclass(frozen=True)
class TaskInstance:
    """One task of a run; ``state`` is None before it is scheduled, ``map_index`` -1 when it is not mapped."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    started: datetime | None
    ended: datetime | None
    title: str

    @property
    def finished(self) -> bool:
        return self.state in FINISHED


@dataclass(frozen=True)
class AssetEvent:
    """One event of an asset, with the runs that it started."""

    asset: str
    at: datetime
    source_dag: str | None
    source_run: str | None
    extra: Mapping[str, Any]
    started_runs: tuple[tuple[str, str], ...]


class Airflow:
    """One logged-in client; a context manager. The token is fetched when first needed and again when refused."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url, self._user, self._password = url, user, password
        # Loopback must not go through a proxy that the environment names.
        self._http = httpx.Client(base_url=url, timeout=REQUEST_SECONDS, trust_env=False)
        self._token: str | None = None

    def __enter__(self) -> "Airflow":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def health(self, since: datetime | None = None) -> dict[str, str]:
        """Status of each of COMPONENTS: healthy, unhealthy, absent, or old: its last sign of life is before ``since``.

        Airflow calls a component that was killed healthy until its last sign of life is half a minute old.
        Raises AirflowRefused.
        """
        answer = self._send("GET", "/monitor/health", "say whether it is healthy", login=False)
        found = {}
        for name in COMPONENTS:
            one = answer.get(name) or {}
            found[name] = one.get("status") or "absent"
            seen = _moment(one.get(f"latest_{name}_heartbeat"))
            if since and seen and seen < since:
                found[name] = "old"
        return found

    def import_errors(self) -> list[ImportFailure]:
        """The DAG files that are broken now."""
        found = self._send("GET", "/importErrors", "list broken DAG files", params={"limit": 100})["import_errors"]
        return [ImportFailure(one["filename"], one["stack_trace"].strip()) for one in found]

    def dag_ids(self) -> list[str]:
        """All parsed DAGs."""
        found = self._send("GET", "/dags", "list its DAGs", params={"limit": 200, "exclude_stale": True})["dags"]
        return [one["dag_id"] for one in found]

    def wait_for_dag(self, dag_id: str, seconds: float = 60.0) -> None:
        """Return once the DAG is parsed. Raises DagNotFound with the text of broken DAG files."""
        if not _within(seconds, lambda: dag_id in self.dag_ids()):
            raise DagNotFound(dag_id, seconds, self.import_errors())

    def unpause(self, dag_id: str) -> None:
        """Let the DAG's schedule run."""
        self._send("PATCH", f"/dags/{_part(dag_id)}", f"unpause {dag_id}", json={"is_paused": False})

    def is_paused(self, dag_id: str) -> bool:
        """Whether the DAG's schedule is held."""
        return bool(self._send("GET", f"/dags/{_part(dag_id)}", f"show {dag_id}")["is_paused"])

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run with these parameters; its run id."""
        body = {"logical_date": None, "conf": dict(conf or {})}
        return str(self._send("POST", f"/dags/{_part(dag_id)}/dagRuns", f"start {dag_id}", json=body)["dag_run_id"])

    def runs(self, dag_id: str, limit: int = 20, states: Sequence[str] = ()) -> list[Run]:
        """The newest runs of a DAG ('~' for all DAGs), newest first; only those in one of ``states`` where given."""
        query: dict[str, Any] = {"limit": limit, "order_by": "-run_after", "state": list(states)}
        found = self._send("GET", f"/dags/{_part(dag_id)}/dagRuns", f"list runs of {dag_id}", params=query)
        return [_run(one) for one in found["dag_runs"]]

    def newest_finished(self, dag_id: str) -> Run | None:
        """The newest run of a DAG that succeeded or failed, None before the first."""
        return next(iter(self.runs(dag_id, 1, RUN_FINISHED)), None)

    def run(self, dag_id: str, run_id: str) -> Run:
        """One run as it stands."""
        return _run(self._send("GET", f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}", f"show run {run_id}"))

    def wait_for_run(self, dag_id: str, run_id: str, seconds: float = 600.0) -> Run:
        """Return the run once it finished. Raises AirflowRefused after ``seconds``."""
        if not _within(seconds, lambda: self.run(dag_id, run_id).finished):
            raise AirflowRefused(f"finish {dag_id} ({run_id})", f"it still runs after {seconds:.0f} s")
        return self.run(dag_id, run_id)

    def tasks(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """The task instances of a run."""
        path = f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}/taskInstances"
        found = self._send("GET", path, f"list the tasks of {run_id}", params={"limit": 200})["task_instances"]
        return [_task(one) for one in found]

    def log(self, dag_id: str, run_id: str, task: TaskInstance) -> str:
        """The text of the task's latest attempt, one line per event, with the error's text where there is one."""
        events = self._log_events(dag_id, run_id, task)
        return "\n".join(line for event in events for line in (str(event.get("event", "")), *_errors(event)))

    def error(self, dag_id: str, run_id: str, task: TaskInstance) -> str | None:
        """Type and text of the last error in the task's log, None when the log holds none."""
        errors = [error for event in self._log_events(dag_id, run_id, task) for error in _errors(event)]
        return errors[-1] if errors else None

    def asset_events(self, limit: int = 50, source_dag: str | None = None) -> list[AssetEvent]:
        """The newest asset events, newest first."""
        query: dict[str, Any] = {"limit": limit, "order_by": "-timestamp"}
        if source_dag:
            query["source_dag_id"] = source_dag
        found = self._send("GET", "/assets/events", "list asset events", params=query)["asset_events"]
        return [_asset_event(one) for one in found]

    def emit(self, asset: str, extra: Mapping[str, Any]) -> None:
        """An event of the asset of that name, from outside: it starts what waits for the asset."""
        query = {"name_pattern": asset, "limit": 100}
        found = self._send("GET", "/assets", f"find the asset {asset}", params=query)["assets"]
        known = [one["id"] for one in found if one["name"] == asset]
        if not known:
            raise AirflowRefused(f"emit an event of {asset}", "it knows no such asset")
        body = {"asset_id": known[0], "extra": dict(extra)}
        self._send("POST", "/assets/events", f"emit an event of {asset}", json=body)

    def _log_events(self, dag_id: str, run_id: str, task: TaskInstance) -> list[dict[str, Any]]:
        run = f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}"
        path = f"{run}/taskInstances/{_part(task.task_id)}/logs/{max(task.try_number, 1)}"
        query = {"full_content": True, "map_index": task.map_index}
        content = self._send("GET", path, f"give the log of {task.task_id}", params=query)["content"]
        return [one if isinstance(one, dict) else {"event": one} for one in content]

    def _send(self, method: str, path: str, what: str, login: bool = True, **arguments: Any) -> dict[str, Any]:
        try:
            answer = self._attempt(method, path, login, **arguments)
            if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN) and login:
                self._token = None  # expired, or signed before a reset; Airflow says 403 for some of these
                answer = self._attempt(method, path, login, **arguments)
        except httpx.HTTPError as error:
            raise AirflowRefused(what, f"{self.url} does not answer ({error or type(error).__name__})") from error
        if answer.is_error:
            raise AirflowRefused(what, f"{answer.status_code} {_detail(answer)}", answer.status_code)
        result: dict[str, Any] = answer.json()
        return result

    def _attempt(self, method: str, path: str, login: bool, **arguments: Any) -> httpx.Response:
        headers = {"Accept": "application/json"}
        if login:
            if self._token is None:
                self._token = self._login()
            headers["Authorization"] = f"Bearer {self._token}"
        return self._http.request(method, f"/api/v2{path}", headers=headers, **arguments)

    def _login(self) -> str:
        answer = self._http.post("/auth/token", json={"username": self._user, "password": self._password})
        if answer.is_error:
            raise AirflowRefused(f"let '{self._user}' in", f"{answer.status_code} {_detail(answer)}")
        return str(answer.json()["access_token"])


def _within(seconds: float, done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _part(text: str) -> str:
    return quote(text, safe="~")


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("detail", answer.text))[:500]
    except ValueError:
        return answer.text[:500]


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _run(one: Mapping[str, Any]) -> Run:
    return Run(
        dag_id=one["dag_id"],
        run_id=one["dag_run_id"],
        state=one["state"],
        run_type=one["run_type"],
        conf=one.get("conf") or {},
        queued_at=_moment(one.get("queued_at")),
        started=_moment(one.get("start_date")),
        ended=_moment(one.get("end_date")),
    )


def _task(one: Mapping[str, Any]) -> TaskInstance:
    return TaskInstance(
        task_id=one["task_id"],
        map_index=one["map_index"],
        state=one.get("state"),
        try_number=one.get("try_number") or 0,
        started=_moment(one.get("start_date")),
        ended=_moment(one.get("end_date")),
        title=one.get("task_display_name") or one["task_id"],
    )


def _asset_event(one: Mapping[str, Any]) -> AssetEvent:
    return AssetEvent(
        asset=one.get("name") or one.get("uri") or "",
        at=datetime.fromisoformat(one["timestamp"]),
        source_dag=one.get("source_dag_id"),
        source_run=one.get("source_run_id"),
        extra=one.get("extra") or {},
        started_runs=tuple((run["dag_id"], run["run_id"]) for run in one.get("created_dagruns", [])),
    )


def _errors(event: Mapping[str, Any]) -> list[str]:
    # The raised error comes first and its causes after it; turned round, as in a traceback, the raised one is last.
    return [f"{one.get('exc_type')}: {one.get('exc_value')}" for one in reversed(event.get("error_detail") or [])]
