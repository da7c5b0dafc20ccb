"""First task of a training: the rows, fixed in an MLflow run."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

import pandas as pd

from leadmill.clock import source_now
from leadmill.features.history import newest_cutoff, training_frame
from leadmill.registry import store, training_sets
from leadmill.registry.dataset import ONSET, check_enough, fingerprint, lowered_minima, positives_of, store_frame
from leadmill.registry.provenance import code_version
from leadmill.spec import UseCase
from leadmill.training.data import AS_OF
from leadmill.training.leakage.scan import refuse_leaks

log = logging.getLogger(__name__)

_RUN_KEY = f"{store.TAG}run_key"
# The tag that is set last: a run that has it holds its whole frame.
_COMPLETE = "fingerprint"


def begin_training(use_case: UseCase, run_key: str, reason: str, onset: datetime | None = None) -> str:
    """The MLflow run that holds the training frame; its id is what the later tasks pass on.

    ``run_key`` is the Airflow run: the same key finds the same MLflow run again, and a frame that it holds stays, for
    a version may have learned from it. ``onset`` says since when the rows are of another kind, where drift is open and
    enough of them have matured to learn from (see ``temporal_holdout``). Raises NotEnoughData, before anything is
    stored, when the frame is smaller than the spec's gate asks for, and LeakFound when a feature knows the outcome; a
    gate that asks for less than usual is warned of.
    """
    for lowered in lowered_minima(use_case):
        log.warning("%s", lowered)
    run_id = find_run(use_case, run_key)
    if run_id and store.tag(run_id, _COMPLETE):
        return run_id
    cutoff = newest_cutoff(use_case)
    frame = training_frame(use_case, cutoff.moment, cutoff.window)
    check_enough(use_case, frame)
    allowed = refuse_leaks(use_case, run_key, frame, source_now(use_case))
    run_id = run_id or _create(use_case, run_key)
    tags = {"reason": reason, "training_set": training_sets.record(use_case, cutoff, frame)}
    if onset:
        tags[ONSET] = onset.isoformat()
    _fill(use_case, run_id, frame, [one.feature for one in allowed], tags)
    return run_id


@store.ends_failed
def _fill(use_case: UseCase, run_id: str, frame: pd.DataFrame, allowed: Sequence[str], tags: Mapping[str, str]) -> None:
    store_frame(run_id, frame)
    store.set_tags(
        run_id,
        rows=len(frame),
        positives=positives_of(use_case, frame),
        **{"from": frame[AS_OF].min().isoformat(), "through": frame[AS_OF].max().isoformat()},
        spec_version=use_case.version,
        code_version=code_version(),
        warnings="; ".join(lowered_minima(use_case)) or "none",
        leak_scan=f"allowed: {', '.join(allowed)}" if allowed else "clean",
        **tags,
    )
    store.set_tags(run_id, **{_COMPLETE: fingerprint(frame)})


def find_run(use_case: UseCase, run_key: str) -> str | None:
    """Id of the MLflow run that belongs to an Airflow run, or None."""
    experiment = store.find_experiment(use_case)
    if experiment is None:
        return None
    quoted = run_key.replace("'", "\\'")
    found = store.client().search_runs([experiment], f"tags.`{_RUN_KEY}` = '{quoted}'", max_results=1)
    return str(found[0].info.run_id) if found else None


def _create(use_case: UseCase, run_key: str) -> str:
    run = store.client().create_run(store.experiment_id(use_case), run_name=run_key, tags={_RUN_KEY: run_key})
    return str(run.info.run_id)
