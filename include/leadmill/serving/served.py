"""One use case as it is served: its champion, swapped in one step, and the reading of its online rows."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from leadmill.errors import LeadmillError
from leadmill.features.online_row import CLOSED, constants, select_row, select_rows
from leadmill.prepare.donors import newest_imputer
from leadmill.registry.champion import load_version
from leadmill.scoring.scorer import Scorer, scorer
from leadmill.serving.body import Keys
from leadmill.serving.database import Database
from leadmill.serving.freshness import Freshness
from leadmill.serving.metrics import Metrics
from leadmill.serving.payload import PayloadReader
from leadmill.serving.problems import Problem
from leadmill.spec import UseCase

log = logging.getLogger("leadmill.serving")
_FAILED_AGAIN = 30.0
_MOMENT = "event_timestamp"


@dataclass(frozen=True)
class Serving:
    """A champion ready to be asked; a request takes it once and keeps it to its end."""

    scorer: Scorer
    inputs: tuple[str, ...]
    payloads: PayloadReader
    since: float
    window: int | None


@dataclass(slots=True)
class Entity:
    """An entity's online features; ``stored`` is the key as the tables hold it."""

    stored: str | int
    event_timestamp: datetime
    closed: bool
    values: dict[str, Any]


@dataclass(slots=True)
class Entities:
    """The online features of many entities: columns of equal length, and the place of each stored key in them."""

    places: dict[str | int, int]
    moments: Sequence[datetime]
    closed: Sequence[bool]
    columns: dict[str, Sequence[Any]]


class Served:
    """The state of one use case in this process."""

    def __init__(self, use_case: UseCase, database: Database, metrics: Metrics) -> None:
        self.use_case, self.keys, self.freshness = use_case, Keys(use_case), Freshness(use_case)
        self.serving: Serving | None = None
        self._database, self._metrics = database, metrics
        self._one, self._many, self._constants = select_row(use_case), select_rows(use_case), constants(use_case)
        self._failed: tuple[str, float] | None = None

    def champion(self) -> Serving:
        """Who serves now. Raises Problem (503) where nobody does."""
        if self.serving is None:
            detail = f"'{self.use_case.name}' has no champion that serves yet. Run the DAG {self.use_case.name}_train."
            raise Problem("no-champion", detail, headers={"Retry-After": "5"})
        return self.serving

    async def entity(self, key: str | int) -> Entity | None:
        """The online features of a stored key, None where there are none. Raises Problem (503)."""
        row = await self._database.row(self._one, key)
        return None if row is None else self._entity(key, dict(row))

    async def entities(self, keys: list[str | int]) -> Entities:
        """The online features of those keys that have any. Raises Problem (503)."""
        rows = await self._database.rows(self._many, keys)
        columns: dict[str, Sequence[Any]] = (
            dict(zip(rows[0].keys(), zip(*rows, strict=True), strict=True)) if rows else {}
        )
        for name, values in columns.items():
            if None in values:
                constant = self._constants.get(name)
                columns[name] = [constant if value is None else value for value in values]
        stored, moments, closed = (columns.pop(name, ()) for name in (self.use_case.entity.key, _MOMENT, CLOSED))
        return Entities({key: place for place, key in enumerate(stored)}, moments, closed, columns)

    def status(self, entity: Entity) -> str:
        """closed, stale or fresh, as batch scoring says it."""
        if entity.closed:
            return "closed"
        return "stale" if self.freshness.stale(str(entity.stored)) else "fresh"

    def statuses(self, entities: Entities) -> list[str]:
        """:meth:`status` of many."""
        usual, refused = "stale" if self.freshness.late() else "fresh", self.freshness.refused()
        return [
            "closed" if closed else "stale" if refused and str(key) in refused else usual
            for key, closed in zip(entities.places, entities.closed, strict=True)
        ]

    async def refresh(self, version: str | None) -> None:
        """Load the champion of that version where it is another than before, or where newer imputers came."""
        if version is None:
            self.serving = None
            return
        window, now = self.freshness.window, self.serving
        if now is not None and (now.scorer.version, now.window) == (version, window):
            return
        if self._failed and self._failed[0] == version and time.monotonic() - self._failed[1] < _FAILED_AGAIN:
            return
        try:
            self.serving = await asyncio.to_thread(self._load, version, window, now)
        except LeadmillError as error:
            # Whoever served goes on: better the last good model than none.
            self._failed = version, time.monotonic()
            log.error("champion not loaded: %s", error, extra={"use_case": self.use_case.name, "version": version})
            return
        if now is None or now.scorer.version != version:
            self._metrics.swaps.labels(self.use_case.name).inc()
            self._metrics.champion.labels(self.use_case.name).set(int(version) if version.isdigit() else 0)
            log.info("champion loaded", extra={"use_case": self.use_case.name, "version": version})

    def _load(self, version: str, window: int | None, before: Serving | None) -> Serving:
        same = before is not None and before.scorer.version == version
        made = (
            before.scorer
            if before is not None and same
            else scorer(self.use_case, load_version(self.use_case, version))
        )
        used = frozenset(item.feature for item in made.inputs)
        reader = PayloadReader(self.use_case, newest_imputer(self.use_case), used, self._now)
        since = before.since if before is not None and same else time.time()
        return Serving(made, tuple(item.name for item in made.inputs), reader, since, window)

    def _now(self) -> datetime:
        return self.freshness.now() or datetime.now(UTC)

    def _entity(self, key: str | int, row: dict[str, Any]) -> Entity:
        moment, closed = row.pop(_MOMENT), row.pop(CLOSED)
        if None in row.values():
            row = {name: self._constants.get(name) if value is None else value for name, value in row.items()}
        return Entity(key, moment, closed, row)
