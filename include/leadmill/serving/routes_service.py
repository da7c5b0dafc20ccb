"""Routes about the service itself."""

import asyncio

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import PlainTextResponse, Response

from leadmill import __version__
from leadmill.monitoring.metrics import exposition
from leadmill.serving.http import answer
from leadmill.serving.problems import Problem
from leadmill.serving.state import State

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def service_routes(state: State) -> APIRouter:
    """What serves, whether it lives, whether it is ready, its figures. None of them needs a key."""
    router = APIRouter(tags=["service"])

    @router.get("/", operation_id="index", summary="What is served")
    async def index() -> Response:
        """The use cases and where their documentation is."""
        models = {name: one.serving.scorer.version if one.serving else None for name, one in state.served.items()}
        return answer({"service": "leadmill", "version": __version__, "champions": models, "docs": "/docs"})

    async def alive() -> Response:
        """The process answers. Says nothing of the database: restarting the service would not mend that."""
        return answer({"status": "ok"})

    router.get("/healthz", operation_id="healthz", summary="Whether it lives")(alive)
    router.get("/healthcheck", operation_id="healthcheck", summary="As /healthz")(alive)

    @router.get("/readyz", operation_id="readyz", summary="Whether it can answer now")
    async def ready() -> Response:
        """The database answers, keys and champions were looked at. A load balancer asks this."""
        await state.database.row("SELECT 1")
        waiting = state.waiting_for()
        if waiting:
            detail = f"Not looked at yet: {', '.join(waiting)}."
            raise Problem("unavailable", detail, headers={"Retry-After": "2"})
        return answer({"status": "ready"})

    @router.get("/metrics", operation_id="metrics", summary="Figures for Prometheus", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """The service's own figures, and what the monitoring DAGs found last where the database answers."""
        text = state.metrics.exposition()
        try:
            text += (await asyncio.to_thread(exposition)).encode()
        except SQLAlchemyError:
            text += b"# what monitoring found is in the database, which does not answer\n"
        return Response(text, media_type=_TEXT)

    return router
