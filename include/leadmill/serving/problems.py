"""Every error as RFC 9457 problem details: what, where, and what to do; never a stack trace."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import FastAPI, Request
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from leadmill.errors import SourceUnreachable, nearest

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("leadmill.serving")

_TITLES = {
    "bad-request": (400, "The request cannot be read"),
    "unauthorized": (401, "An API key is needed"),
    "forbidden": (403, "This API key may not do that"),
    "not-found": (404, "There is no such thing"),
    "unknown-entity": (404, "Unknown entity"),
    "method-not-allowed": (405, "Method not allowed"),
    "too-large": (413, "The request is too large"),
    "uri-too-long": (414, "The query is too long"),
    "unsupported-media-type": (415, "Not JSON"),
    "invalid": (422, "The request says something that cannot be"),
    "internal": (500, "Something went wrong here"),
    "bad-gateway": (502, "Airflow refused"),
    "no-champion": (503, "No model serves yet"),
    "no-data": (503, "Nothing was published yet"),
    "overloaded": (503, "Too many requests at once"),
    "unavailable": (503, "The database does not answer"),
}
_OF_STATUS = {400: "bad-request", 404: "not-found", 405: "method-not-allowed", 413: "too-large", 422: "invalid"}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong; ``pointer`` is a JSON pointer into the body (RFC 6901)."""

    pointer: str
    detail: str

    def as_dict(self) -> dict[str, str]:
        return {"pointer": self.pointer, "detail": self.detail}


class Problem(Exception):
    """An answer that is an error; ``kind`` is one of those above, its detail is for the person who reads it."""

    def __init__(
        self, kind: str, detail: str, faults: Sequence[Fault] = (), headers: dict[str, str] | None = None
    ) -> None:
        self.kind, self.detail, self.faults, self.headers = kind, detail, tuple(faults), headers or {}
        self.status, self.title = _TITLES[kind]
        super().__init__(detail)

    def as_dict(self, request_id: str | None = None) -> dict[str, Any]:
        found: dict[str, Any] = {
            "type": f"urn:leadmill:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if request_id:
            found["request_id"] = request_id
        if self.faults:
            found["errors"] = [one.as_dict() for one in self.faults]
        return found

    def response(self, request_id: str | None = None) -> Response:
        body = orjson.dumps(self.as_dict(request_id))
        return Response(body, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def unavailable() -> Problem:
    """The database is away: nothing is guessed."""
    detail = "The database does not answer, so there is no score to give. Try again in a few seconds."
    return Problem("unavailable", detail, headers={"Retry-After": "2"})


def source_unavailable() -> Problem:
    """The warehouse, whose clock is asked where something is decided, is away."""
    detail = "The source's database does not answer, so nothing was changed. Try again in a few seconds."
    return Problem("unavailable", detail, headers={"Retry-After": "5"})


def nothing_yet() -> Problem:
    """The tables of a use case are made by its first ETL."""
    return Problem("no-data", "No features were published yet: run the ETL first.", headers={"Retry-After": "60"})


def overloaded(what: str) -> Problem:
    return Problem("overloaded", f"{what} Try again in a second.", headers={"Retry-After": "1"})


def install(app: FastAPI, use_cases: Sequence[str]) -> None:
    """Have every error of ``app``, which serves these use cases, answered as a problem."""

    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response(request_id_of(request))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kind = _OF_STATUS.get(error.status_code, "bad-request")
        detail = f"{request.method} {request.url.path[:200]}: {error.detail}{_hint(request.url.path, use_cases)}"
        made = Problem(kind, detail[:500], headers=dict(error.headers or {}))
        return made.response(request_id_of(request))

    async def away(request: Request, error: Exception) -> Response:
        assert isinstance(error, DBAPIError)
        log.warning("the database is away: %s", type(error.orig).__name__)
        return unavailable().response(request_id_of(request))

    async def source_away(request: Request, error: Exception) -> Response:
        log.warning("%s", error)
        return source_unavailable().response(request_id_of(request))

    async def internal(request: Request, error: Exception) -> Response:
        log.error("failed", exc_info=error, extra={"request_id": request_id_of(request)})
        made = Problem("internal", "The service failed; its log says why under this request_id.")
        return made.response(request_id_of(request))

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(HTTPException, http)
    for kind in (OperationalError, InterfaceError):
        app.add_exception_handler(kind, away)
    app.add_exception_handler(SourceUnreachable, source_away)
    app.add_exception_handler(Exception, internal)


def _hint(path: str, use_cases: Sequence[str]) -> str:
    """Which use case was meant, where the path names one that there is not."""
    parts = path.split("/")
    if parts[1:3] != ["api", "v1"] or len(parts) < 5 or parts[3] in use_cases:
        return ""
    near = nearest(parts[3][:100], use_cases)
    known = f"Did you mean '{near}'?" if near else f"There are: {', '.join(use_cases) or 'none'}."
    return f". There is no use case of this name. {known}"


def request_id_of(request: Request) -> str | None:
    """The id that this request was given when it arrived."""
    found: str | None = request.scope.get("leadmill.request_id")
    return found
