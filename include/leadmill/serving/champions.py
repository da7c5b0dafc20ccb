"""Which version serves: one small statement for every use case, because everybody waits while Python is busy."""

import asyncio

from leadmill.registry.store import CHAMPION
from leadmill.serving.database import Database
from leadmill.serving.problems import Problem

# MLflow's own client answers the same, and keeps the interpreter for milliseconds a use case.
_VERSIONS = "SELECT name, version FROM registered_model_aliases WHERE workspace = 'default' AND alias = $1"


class Champions:
    """Versions that the alias ``champion`` names in MLflow's database, as they were at the last look."""

    def __init__(self, mlflow: Database) -> None:
        self._mlflow = mlflow
        self._versions: dict[str, str] = {}
        self._looked = asyncio.Event()

    async def refresh(self) -> None:
        """Look again. Raises Problem where the database is away."""
        try:
            rows = await self._mlflow.rows(_VERSIONS, CHAMPION)
        except Problem as problem:
            if problem.kind != "no-data":
                raise
            rows = []  # MLflow makes its tables when something is trained
        self._versions = {row["name"]: str(row["version"]) for row in rows}
        self._looked.set()

    async def version(self, use_case: str) -> str | None:
        """The version that serves, None where none does; waits for the first look."""
        await self._looked.wait()
        return self._versions.get(use_case)
