"""Reads from leadmill's database: few connections, statements prepared once, a dead connection is no failed request."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import asyncpg

from leadmill.serving.problems import nothing_yet, unavailable

log = logging.getLogger("leadmill.serving")
Result = TypeVar("Result")

# What a server that is away, starting, stopping or too busy looks like from here.
AWAY = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
)
_TRIES = 3
# So long after a failure nobody else waits for one.
_LEFT_ALONE = 0.25


class Database:
    """A pool that opens by itself: the service starts while the database is away, and finds it again."""

    def __init__(self, url: str, connections: int, seconds: float) -> None:
        self._url, self._connections, self._seconds = url, connections, seconds
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()
        self._away, self._failed = False, 0.0

    async def row(self, statement: str, *values: Any) -> Any | None:
        """The one row of a statement, None where there is none. Raises Problem (503) where the database is away."""
        return await self.run(lambda connection: connection.fetchrow(statement, *values))

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        """The rows of a statement. Raises Problem (503)."""
        return await self.run(lambda connection: connection.fetch(statement, *values))

    async def copy(self, schema: str, table: str, columns: Sequence[str], records: Sequence[Sequence[Any]]) -> None:
        """Append records by COPY, all or none. Raises Problem (503)."""
        await self.run(
            lambda connection: connection.copy_records_to_table(
                table, schema_name=schema, columns=columns, records=records, timeout=30
            )
        )

    async def run(self, action: Callable[[Any], Awaitable[Result]]) -> Result:
        """``action`` on a pooled connection; on another where it was dead. It must leave the same when run twice."""
        if self._away and time.monotonic() - self._failed < _LEFT_ALONE:
            raise unavailable()
        for attempt in range(_TRIES):
            try:
                pool = self._pool or await self._open()
                async with pool.acquire() as connection:
                    found = await action(connection)
                self._say_back()
                return found
            except asyncpg.InvalidCachedStatementError:
                continue  # a column came or went; the next try plans anew
            except asyncpg.UndefinedTableError as error:
                raise nothing_yet() from error
            except AWAY as error:
                # After a restart every pooled connection is dead, and none of them knows yet.
                if attempt == _TRIES - 1 or isinstance(error, asyncio.TimeoutError):
                    self._say_away(error)
                    raise unavailable() from error
                await self._expire()
        raise unavailable()

    async def close(self) -> None:
        """Close the connections, waiting for those at work."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    def _say_away(self, error: BaseException) -> None:
        self._failed = time.monotonic()
        if not self._away:
            self._away = True
            log.warning("the database is away: %s", type(error).__name__)

    def _say_back(self) -> None:
        if self._away:
            self._away = False
            log.warning("the database is back")

    async def _expire(self) -> None:
        if self._pool is not None:
            await self._pool.expire_connections()

    async def _open(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=min(2, self._connections),
                    max_size=self._connections,
                    timeout=self._seconds,
                    command_timeout=self._seconds,
                    # Nothing here changes a connection's state, so nothing is to be reset: that is a round trip.
                    reset=_nothing,
                    server_settings={"application_name": "leadmill-api", "timezone": "UTC"},
                )
            return self._pool


async def _nothing(_: Any) -> None:
    """Reset nothing."""
