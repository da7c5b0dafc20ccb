"""The trigger behind the source asset: an event when the source holds what no published window covers."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from airflow.sdk import BaseHook
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from leadmill.extract.notify import listen
from leadmill.extract.watch import unread_watermark
from leadmill.spec import load_use_case

log = logging.getLogger(__name__)
# Without a pause, a burst of commits makes many events of which one run consumes only one.
_QUIET_SECONDS = 2.0
# However many commits tell of themselves, the source is asked no more often.
_BURST_SECONDS = 1.0
# A source that never rests must wake us too.
_MOST_WAITS = 5


class WatermarkTrigger(BaseEventTrigger):
    """Polls the source's watermark and fires once per new value; it only wakes the ETL, the ledger decides.

    Where the source sends NOTIFY (``extract.notify``) it looks at once, and again when what was written has become
    readable, after the safety lag; polling goes on whatever is heard.
    """

    def __init__(self, use_case: str, poll_seconds: float, lag_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.use_case, self.poll_seconds, self.lag_seconds = use_case, poll_seconds, lag_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in ("use_case", "poll_seconds", "lag_seconds")}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Never returns and never raises: Airflow would restart the trigger every few seconds for ever."""
        fired: datetime | None = None
        bell, wait = asyncio.Event(), self.poll_seconds
        ear = asyncio.create_task(self._listen(bell))
        try:
            while True:
                try:
                    newest = await self._settled()
                    if newest is not None and newest != fired:
                        fired = newest
                        payload = {"use_case": self.use_case, "watermark": newest.isoformat()}
                        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]
                except Exception as error:  # noqa: BLE001 - logged; see the docstring
                    log.warning(
                        "Watermark of '%s' not read, next try in %s s: %s", self.use_case, self.poll_seconds, error
                    )
                rung = await self._rung(bell, wait)
                wait = min(self.poll_seconds, self.lag_seconds) if rung else self.poll_seconds
        finally:
            ear.cancel()

    async def _settled(self) -> datetime | None:
        """The unread watermark once it has stopped moving for a moment, or has moved for too long; or None."""
        use_case, url = load_use_case(self.use_case), await self._address()
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

    async def _address(self) -> str:
        """The source's URL, asked for each time and never put into the environment: there it would hide a password
        changed since.
        """
        connection = await BaseHook.aget_connection(load_use_case(self.use_case).source.connection)
        return str(connection.get_uri())

    async def _listen(self, bell: asyncio.Event) -> None:
        while True:
            try:
                await listen(load_use_case(self.use_case), self._address, bell.set)
            except Exception as error:  # noqa: BLE001 - logged; a spec that is being edited is whole again soon
                log.warning("Not listening to '%s': %s", self.use_case, error)
            await asyncio.sleep(self.poll_seconds)

    async def _rung(self, bell: asyncio.Event, wait: float) -> bool:
        """Wait so many seconds, or until a NOTIFY came and its burst has had a moment; whether one came."""
        try:
            async with asyncio.timeout(wait):
                await bell.wait()
        except TimeoutError:
            return False
        await asyncio.sleep(_BURST_SECONDS)
        bell.clear()
        return True
