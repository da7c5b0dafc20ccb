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

# The whole suite: what runs Airflow waits much of its time, so everything else goes on beside it.
LANES = (("tests/e2e",), ("tests", "--ignore=tests/e2e"))
LANE = "PYTEST_LANE"
_PYTEST = (sys.executable, "-m", "pytest", "-rs", "--durations=15")


def run_pytest(arguments: Sequence[str]) -> int:
    """Run the tests with these pytest arguments; pytest's exit code as ours (0 passed, 1 failed, 2 wrong usage).

    Without arguments the whole suite runs, in two lanes; the end-to-end lane is printed when the other has ended.
    """
    # The fixtures make their own services; nothing of the user's stack may leak in.
    ours = ("LEADMILL_", "AIRFLOW_", "MLFLOW_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    if not arguments:
        return max(_lanes(clean))
    code = subprocess.run([*_PYTEST, *arguments], cwd=settings.ROOT, env=clean, check=False).returncode
    return {0: 0, 4: 2}.get(code, 1)  # 4: pytest did not understand its arguments


def _lanes(environment: dict[str, str]) -> list[int]:
    with tempfile.TemporaryFile() as output:
        beside = subprocess.Popen(
            [*_PYTEST, *LANES[0]],
            cwd=settings.ROOT,
            env=environment | {LANE: "0"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            code = subprocess.run(
                [*_PYTEST, *LANES[1]], cwd=settings.ROOT, env=environment | {LANE: "1"}, check=False
            ).returncode
            codes = [int(code != 0), int(beside.wait() != 0)]
        finally:
            if beside.poll() is None:
                beside.terminate()
                beside.wait()
            output.seek(0)
            shutil.copyfileobj(output, sys.stdout.buffer)
            sys.stdout.flush()
    return codes


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
