"""Versions of a model by request: which there are, what one was trained and judged on, and which is to serve."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from leadmill.errors import ModelContractBroken, UnknownVersion
from leadmill.registry.by_hand import choose
from leadmill.registry.catalog import ListedModel, list_models, show_model
from leadmill.registry.ledger import Decision, ModelRow
from leadmill.serving.body import invalid, parse
from leadmill.serving.http import allow, answer
from leadmill.serving.openapi import documented, reason_body
from leadmill.serving.problems import Fault, Problem
from leadmill.serving.routes_train import reason_of
from leadmill.serving.state import State


def model_routes(state: State, name: str) -> APIRouter:
    """Routes below ``/api/v1/<use case>/models``."""
    use_case = state.served[name].use_case
    router = APIRouter(prefix=f"/api/v1/{name}/models", tags=[name])

    @router.get("", **documented("read", "Models", "Every version", use_case))
    async def models(request: Request) -> Response:
        """Every registered version, newest first: by what it was made, its figures, and the last word about it."""
        allow(state, request, "read")
        found = await asyncio.to_thread(list_models, use_case)
        return answer({"models": [_listed(one) for one in found]})

    @router.get("/{version}", **documented("read", "Version", "One version", use_case, keyed=True))
    async def version(request: Request, version: str) -> Response:
        """One version with the metadata of its training and every decision about it."""
        allow(state, request, "read")
        try:
            shown = await asyncio.to_thread(show_model, use_case, version)
        except UnknownVersion as error:
            raise _unknown(error) from error
        decisions = [_decided(one) for one in shown.decisions]
        return answer(_version(shown.model, shown.serving) | {"training": shown.training, "decisions": decisions})

    @router.post("/{version}/choose", **documented("train", "Decided", "Make one champion", use_case, keyed=True,
                                                   body=reason_body()))  # fmt: skip
    async def chosen(request: Request, version: str) -> Response:
        """Make a version the champion, whatever the gate said of it; recorded with the key's id and the reason.

        Services follow within a second or two, and the next scoring scores everybody anew.
        """
        actor = allow(state, request, "train")
        body = await request.body()
        reason = reason_of(parse(request.headers.get("content-type"), body)) if body else None
        given = {"reason": reason} if reason else {}
        try:
            found = await asyncio.to_thread(choose, use_case, version, f"API key {actor}", **given)
        except UnknownVersion as error:
            raise _unknown(error) from error
        except ModelContractBroken as error:
            raise invalid(Fault("", str(error))) from error
        return answer(_decided(found) | {"champion_before": found.champion_before})

    return router


def _unknown(error: UnknownVersion) -> Problem:
    return Problem("not-found", str(error)[:500])


def _listed(one: ListedModel) -> dict[str, Any]:
    return _version(one.model, one.serving) | {
        "last_decision": _decided(one.last_decision) if one.last_decision else None
    }


def _version(row: ModelRow, serving: bool) -> dict[str, Any]:
    return {
        "version": row.version,
        "serving": serving,
        "candidate": row.candidate,
        "created_at": row.created_at,
        "training_rows": row.training_rows,
        "positives": row.positives,
        "data_fingerprint": row.data_fingerprint,
        "training_set": row.training_set,
        "spec_version": row.spec_version,
        "parameters": row.parameters,
        "mlflow_run_id": row.mlflow_run_id,
        "metrics": row.metrics,
    }


def _decided(one: Decision) -> dict[str, Any]:
    return {
        "version": one.version,
        "verdict": one.verdict,
        "reasons": list(one.reasons),
        "actor": one.actor,
        "decided_at": one.decided_at,
    }
