"""The trigger behind the source asset: an event when the source holds what no published window covers."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from airflow.sdk import BaseHook
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from leadmill.extract.watch import unread_watermark
from leadmill.spec import load_use_case

log = logging.getLogger(__name__)
# Without a pause, a burst of commits makes many events of which one run consumes only one.
_QUIET_SECONDS = 2.0
# A source that never rests must wake us too.
_MOST_WAITS = 5


class WatermarkTrigger(BaseEventTrigger):
    """Polls the source's watermark and fires once per new value; it only wakes the ETL, the ledger decides."""

    def __init__(self, use_case: str, poll_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.use_case, self.poll_seconds = use_case, poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"use_case": self.use_case, "poll_seconds": self.poll_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Never returns and never raises: Airflow would restart the trigger every few seconds for ever."""
        fired: datetime | None = None
        while True:
            try:
                newest = await self._settled()
                if newest is not None and newest != fired:
                    fired = newest
                    payload = {"use_case": self.use_case, "watermark": newest.isoformat()}
                    yield TriggerEvent(payload)  # type: ignore[no-untyped-call]
            except Exception as error:  # noqa: BLE001 - logged; see the docstring
                log.warning("Watermark of '%s' not read, next try in %s s: %s", self.use_case, self.poll_seconds, error)
            await asyncio.sleep(self.poll_seconds)

    async def _settled(self) -> datetime | None:
        """The unread watermark once it has stopped moving for a moment, or has moved for too long; or None."""
        use_case = load_use_case(self.use_case)
        # Asked for each time, and never put into the environment: there it would hide a password changed since.
        connection = await BaseHook.aget_connection(use_case.source.connection)
        url = connection.get_uri()
        newest = await asyncio.to_thread(unread_watermark, use_case, url)
        for _ in range(_MOST_WAITS):
            if newest is None:
                break
            await asyncio.sleep(_QUIET_SECONDS)
            again = await asyncio.to_thread(unread_watermark, use_case, url)
            if again == newest:
                break
            newest = again
        return newest
