"""``./leadmill test``, pytest in this environment out of reach of the user's own stack; and servers to throw away."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from leadmill import settings

# The whole suite: what runs Airflow waits much of its time, so everything else goes on beside it (tests/conftest.py).
TWO_LANES = ("-n", "2", "--dist", "loadgroup")


def run_pytest(arguments: Sequence[str]) -> int:
    """Run the tests with these pytest arguments; pytest's exit code as ours (0 passed, 1 failed, 2 wrong usage)."""
    # The fixtures make their own services; nothing of the user's stack may leak in.
    ours = ("LEADMILL_", "AIRFLOW_", "MLFLOW_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    command = [sys.executable, "-m", "pytest", "-rs", *(arguments or TWO_LANES)]
    code = subprocess.run(command, cwd=settings.ROOT, env=clean, check=False).returncode
    return {0: 0, 4: 2}.get(code, 1)  # 4: pytest did not understand its arguments


@contextmanager
def throw_away_server(name: str) -> Iterator[None]:
    """A Postgres with all databases, roles and migrations, in a temporary folder; this process's settings name it."""
    from leadmill.local import stack
    from leadmill.local.postgres import Server
    from leadmill.storage import migrate

    folder = Path(tempfile.mkdtemp(prefix=f"leadmill-{name}-"))
    # Under root, Postgres runs as an unprivileged user who must be able to pass through.
    folder.chmod(0o711)
    settings.apply({"LEADMILL_STATE": str(folder / "state"), "AIRFLOW_HOME": str(folder / "state" / "airflow")})
    settings.apply(stack.start_postgres())
    try:
        migrate.upgrade()
        yield
    finally:
        Server(stack.folder()).stop()
        shutil.rmtree(folder, ignore_errors=True)
