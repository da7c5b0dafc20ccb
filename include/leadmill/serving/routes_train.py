"""Training by request: the Airflow DAG does the work, the answer says which run to follow."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from leadmill import settings
from leadmill.errors import MissingSetting
from leadmill.local.airflow_api import Airflow, AirflowRefused, Run
from leadmill.serving.body import fields, invalid, parse
from leadmill.serving.http import allow, answer
from leadmill.serving.openapi import documented, reason_body
from leadmill.serving.problems import Fault, Problem
from leadmill.serving.state import State

_LONGEST = 500


def train_routes(state: State, name: str) -> APIRouter:
    """``POST /api/v1/<use case>/train``."""
    use_case = state.served[name].use_case
    router = APIRouter(prefix=f"/api/v1/{name}", tags=[name])

    @router.post("/train", status_code=202, **documented("train", "Run", "Start a training", use_case,
                                                         body=reason_body(), success=202))  # fmt: skip
    async def train(request: Request) -> Response:
        """Start the training DAG and name the run to follow. What it fits still has to pass the gate."""
        return await start_training(state, name, request)

    return router


async def start_training(state: State, name: str, request: Request) -> Response:
    """Start the training DAG of that use case; the answer names the run. Raises Problem."""
    allow(state, request, "train")
    body = await request.body()
    reason = reason_of(parse(request.headers.get("content-type"), body)) if body else None
    try:
        return answer(await asyncio.to_thread(_start, f"{name}_train", reason), 202)
    except MissingSetting as error:
        raise Problem("bad-gateway", f"This service knows no Airflow: {error.variable} is not set.") from error
    except AirflowRefused as error:
        raise Problem("bad-gateway", str(error)) from error


def reason_of(body: Any) -> str:
    """Why somebody asks for it. Raises Problem (422)."""
    reason = fields(body, "reason", ("reason",))["reason"]
    if not isinstance(reason, str) or not 0 < len(reason) <= _LONGEST:
        raise invalid(Fault("/reason", f"a text of 1 to {_LONGEST} characters is needed here"))
    return reason


def _start(dag_id: str, reason: str | None) -> dict[str, Any]:
    url, user, password = (settings.required(name) for name in ("AIRFLOW_URL", "AIRFLOW_USER", "AIRFLOW_PASSWORD"))
    with Airflow(url, user, password) as airflow:
        run_id = airflow.trigger(dag_id, {"reason": reason or "asked for by the scoring API"})
        run: Run = airflow.run(dag_id, run_id)
        # A run of a DAG that is paused waits for ever, and nobody would know why.
        paused = airflow.is_paused(dag_id)
    return {
        "dag_id": dag_id,
        "run_id": run_id,
        "state": run.state,
        "paused": paused,
        "follow": f"{url}/dags/{dag_id}/runs/{run_id}",
    }
