"""Throw-away servers: one is filled and gets a champion; every measured run starts from a copy of it."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import joblib
import psycopg

from benchmarks import rows
from benchmarks.stock_clean import Fillers
from leadmill import settings
from leadmill.local import stack
from leadmill.local.postgres import Server
from leadmill.local.state import StateFolder
from leadmill.orchestration.stages import STAGES
from leadmill.spec import UseCase, load_use_case
from leadmill.storage import migrate

FOLDER = Path(__file__).resolve().parent
USE_CASE = "bench_leads"
TRAINED_ON = 10_000
_FIRST = ("extract", "check_raw", "impute_encode", "check_features", "publish", "materialize", "train", "score")


def use_case() -> UseCase:
    return load_use_case(USE_CASE)


class World:
    """A folder with the state of a server as it was after the training, and the one that runs now."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state, self.trained = folder, folder / "state", folder / "trained"

    @property
    def artifacts(self) -> Path:
        """The champion and the fitted imputer, as plain files for the stock side."""
        return self.folder / "artifacts"

    def prepare(self) -> None:
        """Fill the warehouse with the first rows, train a champion on them, and keep that state."""
        self._start()
        try:
            migrate.upgrade()
            with warehouse() as connection:
                connection.execute(rows.TABLE.encode())
                rows.load(connection, 0, TRAINED_ON)
            for stage in _FIRST:
                STAGES[stage](use_case(), f"bench/{stage}")
            self._keep_artifacts()
        finally:
            self.stop()
        self.state.rename(self.trained)

    @contextmanager
    def with_rows(self, count: int) -> Iterator[None]:
        """The server as it was after the training, with ``count`` new leads in the warehouse."""
        shutil.rmtree(self.state, ignore_errors=True)
        # With owners and modes, which Postgres insists on.
        subprocess.run(["cp", "-a", str(self.trained), str(self.state)], check=True)
        self._start()
        try:
            if count:
                with warehouse() as connection:
                    rows.load(connection, TRAINED_ON, count)
            settle()
            yield
        finally:
            self.stop()

    def _start(self) -> None:
        variables = {"LEADMILL_STATE": str(self.state), "AIRFLOW_HOME": str(self.state / "airflow")}
        settings.apply({**variables, "LEADMILL_USE_CASES": str(FOLDER / "use_cases")})
        settings.apply(stack.start_postgres())

    def stop(self) -> None:
        Server(StateFolder(self.state)).stop()

    def postgres_pid(self) -> int:
        """Process number of the server that runs now."""
        pid = Server(StateFolder(self.state)).pid()
        assert pid is not None
        return pid

    def _keep_artifacts(self) -> None:
        from leadmill.prepare.donors import stored_imputers
        from leadmill.registry.champion import champion

        self.artifacts.mkdir(exist_ok=True)
        serving = champion(use_case())
        joblib.dump(serving, self.artifacts / "champion.joblib")
        newest = stored_imputers(use_case(), window_id=-1)[-1]
        joblib.dump(Fillers(newest.fillers, newest.levels), self.artifacts / "fillers.joblib")


@contextmanager
def throw_away_world() -> Iterator[World]:
    """A prepared world in a temporary folder, deleted at the end."""
    folder = Path(tempfile.mkdtemp(prefix="leadmill-bench-"))
    # Under root, Postgres runs as an unprivileged user who must be able to pass through.
    folder.chmod(0o711)
    try:
        world = World(folder)
        world.prepare()
        yield world
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def warehouse() -> psycopg.Connection:
    """The customer's database, as its owner."""
    return psycopg.connect(settings.current().warehouse_url)


def settle() -> None:
    """Write what is dirty to disk before a measured run, so that it does not pay for the loading."""
    server = psycopg.connect(settings.current().warehouse_url, autocommit=True)
    with server:
        server.execute("VACUUM (ANALYZE) bench.leads")
