"""On which data a version was trained and judged, as decisions about it keep it."""

from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import leadmill
from leadmill.registry import store

_NUMBERS = ("rows", "positives", "training_rows", "holdout_rows", "purged")
_TEXTS = (
    *("fingerprint", "spec_version", "from", "through", "holdout_begins", "leak_scan", "drift_onset"),
    *("parameters", "reason", "training_set", "code_version"),
)


@cache
def code_version() -> str:
    """The package's version and a hash of its source: two trainings of the same are by the same code."""
    package, digest = Path(leadmill.__file__).parent, sha256()
    for file in sorted(package.rglob("*.py")):
        digest.update(str(file.relative_to(package)).encode() + b"\0" + file.read_bytes())
    return f"{leadmill.__version__}+{digest.hexdigest()[:12]}"


def training_times(run_id: str) -> dict[str, Any]:
    """``began_at`` (wall time, UTC) and ``seconds`` from there to the end of the run, None before it."""
    info = store.client().get_run(run_id).info
    took = None if info.end_time is None else (info.end_time - info.start_time) / 1000
    return {"began_at": datetime.fromtimestamp(info.start_time / 1000, UTC), "seconds": took}


def training_data(run_id: str) -> dict[str, Any]:
    """Rows, positives, fingerprint and training set of the run's frame, the times it spans (as_of), where its holdout
    begins, and so on: what of it the run says.
    """
    tags = store.client().get_run(run_id).data.tags
    found: dict[str, Any] = {"mlflow_run_id": run_id}
    for name in (*_NUMBERS, *_TEXTS):
        value = tags.get(store.TAG + name)
        if value is not None:
            found[name] = int(value) if name in _NUMBERS else value
    return found
