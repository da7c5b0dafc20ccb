"""``./leadmill test``: pytest in this environment, out of reach of the user's own stack."""

import os
import subprocess
import sys
from collections.abc import Sequence

from leadmill import settings


def run_pytest(arguments: Sequence[str]) -> int:
    """Run the tests with these pytest arguments; pytest's exit code as ours (0 passed, 1 failed, 2 wrong usage)."""
    # The fixtures make their own services; nothing of the user's stack may leak in.
    ours = ("LEADMILL_", "AIRFLOW_", "MLFLOW_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    command = [sys.executable, "-m", "pytest", "-rs", *arguments]
    code = subprocess.run(command, cwd=settings.ROOT, env=clean, check=False).returncode
    return {0: 0, 4: 2}.get(code, 1)  # 4: pytest did not understand its arguments
