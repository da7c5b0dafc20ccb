"""What was answered, into ``ops.predictions``: in the background, in batches, bounded, flushed at the end."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Literal
from uuid import UUID

import orjson

from leadmill.serving.database import Database
from leadmill.serving.metrics import Metrics
from leadmill.serving.problems import Problem

log = logging.getLogger("leadmill.serving")
_COLUMNS = (
    "request_id", "use_case", "entity_key", "features_from", "features_hash", "score", "probability", "status",
    "model_version", "latency_ms", "predicted_at",
)  # fmt: skip
# Few enough to be made ready between two requests.
_AT_ONCE = 200
Origin = Literal["online", "payload"]
Told = tuple[str | None, Sequence[Any], int, float, str]
"""Key, the model's inputs in their order, score, probability and status of one answer."""


class PredictionLog:
    """A buffer that never makes anybody wait: what does not fit is dropped and counted."""

    def __init__(self, size: int, metrics: Metrics) -> None:
        self._size, self._metrics = size, metrics
        self._rows: deque[tuple[Any, ...]] = deque()
        self._flushing = asyncio.Lock()

    def add(
        self, request_id: UUID, use_case: str, origin: Origin, version: str, latency_ms: float, told: Sequence[Told]
    ) -> None:
        """Keep the answers of one request."""
        fitting = told[: max(self._size - len(self._rows), 0)]
        if len(fitting) < len(told):
            self._metrics.dropped.inc(len(told) - len(fitting))
        now = datetime.now(UTC)
        # What is hashed and written is made later, in the background.
        self._rows.extend(
            (request_id, use_case, key, origin, features, score, probability, status, version, latency_ms, now)
            for key, features, score, probability, status in fitting
        )

    async def flush(self, database: Database) -> None:
        """Write what is kept; where the database is away it stays kept."""
        async with self._flushing:
            while self._rows:
                taken = [self._rows.popleft() for _ in range(min(_AT_ONCE, len(self._rows)))]
                try:
                    await database.copy("ops", "predictions", _COLUMNS, [_record(row) for row in taken])
                except Problem:
                    self._rows.extendleft(reversed(taken))
                    return
                except Exception:
                    # The same rows would fail again, and keep those behind them waiting.
                    self._metrics.dropped.inc(len(taken))
                    raise
                self._metrics.logged.inc(len(taken))

    @asynccontextmanager
    async def at_rest(self) -> AsyncIterator[None]:
        """Nothing is being written: a flush that is cancelled at its work does not know whether its rows are there."""
        async with self._flushing:
            yield

    async def close(self, database: Database) -> None:
        """Write the rest; what cannot be written is lost, and that is said."""
        await self.flush(database)
        if self._rows:
            self._metrics.dropped.inc(len(self._rows))
            log.error("predictions lost: the database is away", extra={"rows": len(self._rows)})


def _record(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*row[:4], features_hash(row[4]), *row[5:])


def features_hash(features: Any) -> bytes:
    """BLAKE2b of the model's inputs in their order; equal ones were the same features."""
    return blake2b(orjson.dumps(features, option=orjson.OPT_SERIALIZE_NUMPY), digest_size=16).digest()
