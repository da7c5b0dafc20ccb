"""What the figures were measured on."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg

from leadmill import settings

_PACKAGES = ("pandas", "feast", "great-expectations", "scikit-learn", "SQLAlchemy", "psycopg", "apache-airflow")


def describe() -> dict[str, Any]:
    """Processor, cores, memory and versions; needs a running server."""
    with psycopg.connect(settings.current().database_url) as connection:
        found = connection.execute("SHOW server_version").fetchone()
    return {
        "measured_on": datetime.now(UTC).date().isoformat(),
        "cpu": _field("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "versions": {
            "Python": platform.python_version(),
            "PostgreSQL": str(found[0]).split()[0] if found else "",
            **{name: version(name) for name in _PACKAGES},
        },
    }


def _field(file: str, name: str) -> str:
    path = Path(file)
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
