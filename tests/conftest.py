"""Throw-away services for the tests; nothing here ever touches the user's own state folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadmill import settings
from leadmill.local import ports
from leadmill.local.state import StateFolder
from leadmill.local.testing import LANE

OURS = ("LEADMILL_", "AIRFLOW_", "_AIRFLOW_", "MLFLOW_", "FEAST_")


def pytest_configure() -> None:
    """Forget the user's stack before any test module is imported (Airflow reads AIRFLOW_HOME on import)."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="leadmill-test-"))
    # Under root, Postgres runs as an unprivileged user who must be able to pass through.
    folder.chmod(0o711)
    settings.apply({"LEADMILL_STATE": str(folder / "state"), "AIRFLOW_HOME": str(folder / "state" / "airflow")})
    if LANE in os.environ:
        # Lanes begin together, and would find the same port free.
        state = StateFolder(folder / "state")
        state.create()
        wanted = ports.PREFERRED_POSTGRES + 10 * (1 + int(os.environ[LANE]))
        ports.save(state.ports, ports.Ports(wanted, ports.PREFERRED_AIRFLOW))


def pytest_unconfigure() -> None:
    """Remove the throw-away folder."""
    shutil.rmtree(Path(os.environ["LEADMILL_STATE"]).parent, ignore_errors=True)


@pytest.fixture(autouse=True)
def _settings_of_the_environment() -> Iterator[None]:
    """What a test set for itself alone is read no more after it."""
    yield
    settings.current.cache_clear()


@pytest.fixture(scope="session")
def postgres() -> Iterator[dict[str, str]]:
    """A running Postgres with all databases, roles and migrations; its variables, applied to this process."""
    from leadmill.local import stack
    from leadmill.local.postgres import Server
    from leadmill.storage import migrate

    variables = stack.start_postgres()
    settings.apply(variables)
    migrate.upgrade()
    # A test may have pointed the settings elsewhere by then.
    server = Server(stack.folder())
    yield variables
    server.stop()
