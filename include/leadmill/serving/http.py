"""Requests and answers between Starlette and the work."""

from typing import Any
from uuid import UUID

import orjson
from fastapi import Request
from starlette.responses import Response

from leadmill.serving.predict import Asked
from leadmill.serving.state import State
from leadmill.storage.api_keys import Scope

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_SERIALIZE_NUMPY


def asked(request: Request) -> Asked:
    """The request as the gate let it in."""
    return Asked(UUID(request.scope["leadmill.request_id"]), request.scope["leadmill.began"])


def answer(content: Any, status: int = 200) -> Response:
    """``content`` as JSON; times in UTC."""
    return Response(orjson.dumps(content, option=_OPTIONS), status, media_type="application/json")


def allow(state: State, request: Request, scope: Scope) -> str:
    """Let the request through where its key has the scope; the key's id. Raises Problem (401, 403)."""
    return state.keys.check(request, scope)
