"""Everything that lives as long as the service, and the loops that keep it up to date."""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable

from leadmill.errors import LeadmillError
from leadmill.garbage import SELDOM
from leadmill.serving.champions import Champions
from leadmill.serving.config import Config
from leadmill.serving.database import Database
from leadmill.serving.keys import Keys
from leadmill.serving.metrics import Metrics
from leadmill.serving.predict import Predictor
from leadmill.serving.prediction_log import PredictionLog
from leadmill.serving.problems import Problem
from leadmill.serving.served import Served
from leadmill.spec import UseCase

log = logging.getLogger("leadmill.serving")


class State:
    """The use cases served, who may ask, and the log of answers."""

    def __init__(self, config: Config, use_cases: list[UseCase]) -> None:
        self.config, self.metrics, self.keys = config, Metrics(), Keys()
        self.database = Database(config.database_url, config.connections, config.database_seconds)
        self._mlflow = Database(config.mlflow_url, 1, config.database_seconds)
        self._champions = Champions(self._mlflow)
        self.served = {one.name: Served(one, self.database, self.metrics) for one in use_cases}
        self.log = PredictionLog(config.log_buffer, self.metrics)
        self.predictors = {
            name: Predictor(one, self.log, self.metrics, config.most_entities) for name, one in self.served.items()
        }
        self._loops: list[asyncio.Task[None]] = []
        self._looked: set[str] = set()
        self._settled = False

    def waiting_for(self) -> list[str]:
        """What is not there yet of what an answer needs."""
        missing = [] if "keys" in self._looked else ["API keys"]
        return missing + [
            f"champion of {name}" for name, one in self.served.items() if f"{name}/seen" not in self._looked
        ]

    async def start(self) -> None:
        """Begin to look; what is needed comes when the database answers."""
        config = self.config
        self._loop("keys", config.keys_poll, lambda: self.keys.refresh(self.database))
        self._loop("champions", config.champion_poll, self._champions.refresh)
        self._loop("log", config.log_flush, lambda: self.log.flush(self.database))
        for name, one in self.served.items():
            self._loop(f"{name}/seen", config.champion_poll, lambda one=one: self._champion(one))  # type: ignore[misc]
            self._loop(f"{name}/clock", config.clock_poll, lambda one=one: one.freshness.refresh(self.database))  # type: ignore[misc]

    async def stop(self) -> None:
        """Stop looking, write what was answered, close the connections."""
        async with self.log.at_rest():
            for one in self._loops:
                one.cancel()
            await asyncio.gather(*self._loops, return_exceptions=True)
        await self.log.close(self.database)
        await self.database.close()
        await self._mlflow.close()

    async def _champion(self, served: Served) -> None:
        if served.freshness.window is None:
            # Before the first look; afterwards the clock's own loop is enough.
            await served.freshness.refresh(self.database)
        await served.refresh(await self._champions.version(served.use_case.name))

    def _loop(self, name: str, seconds: float, look: Callable[[], Awaitable[None]]) -> None:
        async def forever() -> None:
            said = ""
            while True:
                try:
                    await look()
                    self._looked.add(name)
                    self._settle()
                    said = ""
                except (Problem, LeadmillError) as error:
                    said = self._complain(name, error, said)
                except Exception as error:  # noqa: BLE001 - a library's error must not end the looking; it is logged
                    said = self._complain(name, error, said)
                await asyncio.sleep(seconds)

        self._loops.append(asyncio.create_task(forever(), name=name))

    def _settle(self) -> None:
        """Once everything is loaded: what came with it stays, so that no search for garbage goes through it again."""
        if not self._settled and not self.waiting_for():
            self._settled = True
            gc.collect()
            gc.freeze()
            # A batch of 10,000 makes some 40,000 objects; looking through them again and again took half of its time.
            gc.set_threshold(*SELDOM)

    def _complain(self, name: str, error: Exception, said: str) -> str:
        """Log an error once, not once a second."""
        text = f"{type(error).__name__}: {error}"
        if text != said:
            log.warning("%s: %s", name, text)
        return text
