"""Named points at which a test kills the process, to prove that running again leaves the same rows."""

import os
import signal

from leadmill import settings


def kill_point(name: str) -> None:
    """Kill this process with SIGKILL when ``LEADMILL_KILL_AT`` names this point."""
    if settings.current().kill_at == name:
        os.kill(os.getpid(), signal.SIGKILL)
