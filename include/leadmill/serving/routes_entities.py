"""Routes that look: an entity's stored score and features, a random one, the model."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from leadmill import names
from leadmill.features.online_row import online_table
from leadmill.registry import ledger
from leadmill.serving.body import invalid
from leadmill.serving.http import allow, answer, asked
from leadmill.serving.openapi import documented
from leadmill.serving.problems import Fault, Problem
from leadmill.serving.served import Served
from leadmill.serving.state import State

_MOST_HISTORY = 100
_SAMPLED_ROWS = 500


def entity_routes(state: State, name: str) -> APIRouter:
    """Routes below ``/api/v1/<use case>`` that read."""
    served, predictor = state.served[name], state.predictors[name]
    entity = served.use_case.entity.name
    router = APIRouter(prefix=f"/api/v1/{name}", tags=[name])
    column = served.use_case.entity.key
    present = f"SELECT * FROM {names.scores_table(served.use_case)} WHERE {column} = $1"
    history = (
        f"SELECT * FROM {names.history_table(served.use_case)} WHERE {column} = $1 "
        f"ORDER BY scored_at DESC, feature_timestamp DESC LIMIT {_MOST_HISTORY}"
    )

    @router.get("/entities/{key}/score", **documented("read", "StoredScore", f"Stored score of one {entity}",
                                                      served.use_case, keyed=True))  # fmt: skip
    async def score(request: Request, key: str) -> Response:
        """The score that the newest scoring run published, and every one before it, newest first (100 at most)."""
        allow(state, request, "read")
        stored = _stored(served, key)
        row = await state.database.row(present, stored)
        rows = await state.database.rows(history, stored)
        if row is None and not rows:
            raise Problem("unknown-entity", f"'{name}' has no score of this key.")
        return answer({"score": _score(row), "history": [_score(one) for one in rows]})

    @router.get("/entities/{key}/features", **documented("read", "Features", f"Online features of one {entity}",
                                                         served.use_case, keyed=True))  # fmt: skip
    async def features(request: Request, key: str) -> Response:
        """The features as the model reads them now: levels canonical, ordered levels as ordinals, gaps filled."""
        allow(state, request, "read")
        found = await served.entity(_stored(served, key))
        if found is None:
            raise predictor.unknown()
        return answer(
            {
                column: found.stored,
                "feature_timestamp": found.event_timestamp,
                "status": served.status(found),
                "age_seconds": served.freshness.age(),
                "features": found.values,
            }
        )

    @router.get("/sample", **documented("score", "Prediction", f"A random {entity}, scored", served.use_case,
                                        suffix="sample"))  # fmt: skip
    async def sample(request: Request) -> Response:
        """One of the entities in the online store, as likely as the next, scored as if it had been asked for."""
        allow(state, request, "score")
        return answer(await predictor.of_store(await anyone(state, served), served.champion(), asked(request)))

    @router.get("/model", **documented("read", "Model", "The champion", served.use_case))
    async def model(request: Request) -> Response:
        """Who serves, since when, and what it was trained and judged on."""
        allow(state, request, "read")
        serving = served.champion()
        row = await asyncio.to_thread(ledger.model, name, serving.scorer.version)
        assert row is not None
        return answer(
            {
                "version": row.version,
                "candidate": row.candidate,
                "serving_since": datetime.fromtimestamp(serving.since, UTC),
                "created_at": row.created_at,
                "training_rows": row.training_rows,
                "positives": row.positives,
                "inputs": [item.name for item in serving.scorer.inputs],
                "bands": row.bands,
                **({"decision": row.decision} if served.use_case.decision else {}),
                "metrics": row.metrics,
            }
        )

    return router


def _stored(served: Served, key: str) -> str | int:
    try:
        return served.keys.stored(key)
    except ValueError as error:
        raise invalid(Fault("", str(error))) from error


def _score(row: Any) -> dict[str, Any] | None:
    """A row of scores; jsonb comes as text, and the ends of an interval belong together."""
    import orjson

    if row is None:
        return None
    found = dict(row)
    for name in ("reasons", "probabilities"):
        if found.get(name) is not None:
            found[name] = orjson.loads(found[name])
    if "predicted_low" in found:
        found["interval"] = {"low": found.pop("predicted_low"), "high": found.pop("predicted_high")}
    return found


async def anyone(state: State, served: Served) -> str | int:
    """The key of a random entity: from a few random pages of the table, so it costs the same for any size."""
    table, key = online_table(served.use_case.name), served.use_case.entity.key
    counted = await state.database.row("SELECT reltuples FROM pg_class WHERE oid = to_regclass($1)", table)
    rows = counted["reltuples"] if counted else 0
    share = min(100.0, 100.0 * _SAMPLED_ROWS / rows) if rows > 0 else 100.0
    query = f"SELECT {key} FROM {table} {{}} ORDER BY random() LIMIT 1"
    sampled = query.format("TABLESAMPLE SYSTEM ($1)")
    row = await state.database.row(sampled, share) or await state.database.row(query.format(""))
    if row is None:
        raise Problem("unknown-entity", f"The online store of '{served.use_case.name}' is empty.")
    found: str | int = row[0]
    return found
