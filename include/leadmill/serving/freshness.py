"""How far a use case's source has been verified, by the source's own clock, and which entities were refused since."""

import asyncio
import logging
import time
from datetime import datetime, timedelta

from leadmill.clock import source_now
from leadmill.errors import LeadmillError
from leadmill.scoring.status import refused_sql
from leadmill.serving.database import Database
from leadmill.spec import UseCase

log = logging.getLogger("leadmill.serving")
_THROUGH = (
    "SELECT max(until) AS through, max(window_id) AS newest, now() AS now FROM ops.windows "
    "WHERE use_case = $1 AND status = 'published'"
)


class Freshness:
    """What ``scoring.status`` says of published scores, said of answers; looked at again every few seconds."""

    def __init__(self, use_case: UseCase) -> None:
        self._use_case = use_case
        self._through: datetime | None = None
        self.window: int | None = None
        self._refused: frozenset[str] = frozenset()
        self._now: tuple[datetime, float] | None = None
        self._said = ""

    def now(self) -> datetime | None:
        """The source's clock, which goes on between two looks at it; None before the first."""
        if self._now is None:
            return None
        moment, seen = self._now
        # A demo's clock stands still until the simulator moves it.
        return moment if self._use_case.source.clock else moment + timedelta(seconds=time.monotonic() - seen)

    def age(self) -> float | None:
        """Seconds by the source's clock since the moment through which its rows are verified."""
        now = self.now()
        return None if now is None or self._through is None else (now - self._through).total_seconds()

    def stale(self, key: str) -> bool:
        """Whether a score is no longer to be trusted: verified too long ago, or the newest row was rejected."""
        return self.late() or key in self._refused

    def late(self) -> bool:
        """Whether everything is stale: verified too long ago, or nobody knows when."""
        age = self.age()
        return age is None or age > self._use_case.score.stale_after.total_seconds()

    def refused(self) -> frozenset[str]:
        """Keys whose newest row was rejected."""
        return self._refused

    async def refresh(self, database: Database) -> None:
        """Look again. Raises Problem where our database is away; where the source is, its clock is taken to go on."""
        row = await database.row(_THROUGH, self._use_case.name)
        assert row is not None
        if row["newest"] != self.window:
            found = await database.rows(refused_sql(self._use_case))
            self._refused = frozenset(str(one[0]) for one in found if one[0] is not None)
        self._through, self.window = row["through"], row["newest"]
        try:
            self._now = await asyncio.to_thread(source_now, self._use_case), time.monotonic()
        except LeadmillError as error:
            if self._said != str(error):
                self._said = str(error)
                log.warning("the source's clock: %s", error)
            if self._now is None and not self._use_case.source.clock:
                self._now = row["now"], time.monotonic()
