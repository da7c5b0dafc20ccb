"""What every request passes first: its id, the limits, the figures and the line in the log."""

import logging
import time
from typing import Any
from uuid import UUID, uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadmill.serving.config import Config
from leadmill.serving.metrics import Metrics
from leadmill.serving.problems import Problem, overloaded

log = logging.getLogger("leadmill.serving")
# Asked by machines that must get an answer while everything else is too much.
_ALWAYS = frozenset({"/healthz", "/healthcheck", "/readyz", "/metrics"})
_BATCH = "/predict/batch"


class Gate:
    """ASGI middleware, in the scope: ``leadmill.request_id`` and ``leadmill.began`` (perf_counter)."""

    def __init__(self, app: ASGIApp, config: Config, metrics: Metrics, batches: frozenset[str] = frozenset()) -> None:
        self._app, self._config, self._metrics = app, config, metrics
        # Routes of specs that take many entities at once.
        self._batch_paths = batches
        self._in_flight = self._batches = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passing = _Passing(scope, receive, send, self._largest(scope))
        try:
            await self._within_limits(scope, passing)
        finally:
            self._note(scope, passing)

    async def _within_limits(self, scope: Scope, passing: "_Passing") -> None:
        path: str = scope["path"]
        batch = self._takes_many(path)
        if path in _ALWAYS:
            await passing.through(self._app)
            return
        if self._in_flight >= self._config.in_flight or (batch and self._batches >= self._config.batches):
            self._metrics.refused.inc()
            what = "batches" if batch else "requests"
            await passing.refuse(overloaded(f"As many {what} are being worked on as this service takes."))
            return
        self._in_flight += 1
        self._batches += batch
        self._metrics.in_flight.set(self._in_flight)
        try:
            await passing.through(self._app)
        finally:
            self._in_flight -= 1
            self._batches -= batch
            self._metrics.in_flight.set(self._in_flight)

    def _largest(self, scope: Scope) -> int:
        return self._config.largest_batch if self._takes_many(scope["path"]) else self._config.largest_body

    def _takes_many(self, path: str) -> bool:
        return path.endswith(_BATCH) or path in self._batch_paths

    def _note(self, scope: Scope, passing: "_Passing") -> None:
        seconds = time.perf_counter() - passing.began
        # The template, not the path: that may hold the key of somebody.
        route = getattr(scope.get("route"), "path", "none")
        self._metrics.requests.labels(route, passing.status).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if log.isEnabledFor(logging.INFO):
            fields = {
                "request_id": passing.request_id,
                "method": scope["method"],
                "route": route,
                "status": passing.status,
                "ms": round(seconds * 1000, 3),
            }
            log.info("request", extra=fields)


class _Passing:
    """One request on its way: counts what comes in, notes what goes out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, largest: int) -> None:
        self.began, self.status = time.perf_counter(), 0
        self.request_id = str(uuid4())
        self._scope, self._receive, self._send, self._largest = scope, receive, send, largest
        self._header = (b"x-request-id", self.request_id.encode())
        self._taken = 0
        scope["leadmill.request_id"], scope["leadmill.began"] = self.request_id, self.began

    async def through(self, app: ASGIApp) -> None:
        announced = _content_length(self._scope)
        if announced is not None and announced > self._largest:
            await self.refuse(self._too_large())
            return
        await app(self._scope, self._take, self._give)

    async def refuse(self, problem: Problem) -> None:
        await problem.response(self.request_id)(self._scope, self._receive, self._give)

    async def _take(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            if self._taken > self._largest:
                raise self._too_large()
        return message

    async def _give(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), self._header]
        await self._send(message)

    def _too_large(self) -> Problem:
        return Problem(
            "too-large", f"The body is larger than {self._largest:,} bytes.", headers={"Connection": "close"}
        )


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None


def uuid_of(request_scope: Any) -> UUID:
    """The request's id as a UUID."""
    return UUID(request_scope["leadmill.request_id"])
