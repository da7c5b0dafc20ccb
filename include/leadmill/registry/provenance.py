"""On which data a version was trained and judged, as decisions about it keep it."""

from typing import Any

from leadmill.registry import store

_NUMBERS = ("rows", "positives", "training_rows", "holdout_rows", "purged")
_TEXTS = (
    *("fingerprint", "spec_version", "from", "through", "holdout_begins", "leak_scan", "drift_onset"),
    *("parameters", "reason"),
)


def training_data(run_id: str) -> dict[str, Any]:
    """Rows, positives and fingerprint of the run's frame, the times it spans (as_of), where its holdout begins, and so
    on: what of it the run says.
    """
    tags = store.client().get_run(run_id).data.tags
    found: dict[str, Any] = {"mlflow_run_id": run_id}
    for name in (*_NUMBERS, *_TEXTS):
        value = tags.get(store.TAG + name)
        if value is not None:
            found[name] = int(value) if name in _NUMBERS else value
    return found
