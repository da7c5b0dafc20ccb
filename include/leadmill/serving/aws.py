"""The scoring API behind AWS Lambda: ``leadmill.serving.aws.handler`` takes events of API Gateway, v1 and v2."""

import asyncio
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import FastAPI
from mangum import Mangum

from leadmill.serving.app import create_app
from leadmill.serving.logs import configure
from leadmill.serving.problems import MEDIA_TYPE
from leadmill.serving.state import State

# As long as a cold start may wait for keys and champions before it answers what it can.
_WARM_UP = 15.0
# Others are sent in Base64.
_TEXTS = ["application/json", MEDIA_TYPE, "text/"]


@dataclass(frozen=True)
class _Function:
    """What one container of the function keeps from one event to the next."""

    adapter: Mangum
    state: State
    loop: asyncio.AbstractEventLoop


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one event. What was answered is in the log before the container may be frozen."""
    function = _function()
    answer: dict[str, Any] = function.adapter(event, context)
    function.loop.run_until_complete(function.state.log.flush(function.state.database))
    return answer


@cache
def _function() -> _Function:
    """The application, started once per container: between events its loops rest, with the next one they go on."""
    configure()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app: FastAPI = create_app()
    state: State = app.state.leadmill
    loop.run_until_complete(_warm(state))
    return _Function(Mangum(app, lifespan="off", text_mime_types=_TEXTS), state, loop)


async def _warm(state: State) -> None:
    await state.start()
    deadline = time.monotonic() + _WARM_UP
    while state.waiting_for() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
