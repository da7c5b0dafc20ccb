"""First task of a training: the rows, fixed in an MLflow run."""

from leadmill.features.history import training_frame
from leadmill.registry import store
from leadmill.registry.dataset import check_enough, fingerprint, store_frame
from leadmill.spec import UseCase
from leadmill.training.data import LABEL

_RUN_KEY = f"{store.TAG}run_key"


def begin_training(use_case: UseCase, run_key: str, reason: str) -> str:
    """The MLflow run that holds the training frame; its id is what the later tasks pass on.

    ``run_key`` is the Airflow run: the same key finds the same MLflow run again and stores the frame anew. Raises
    NotEnoughData, before anything is stored, when the frame is smaller than the spec's gate asks for.
    """
    frame = training_frame(use_case)
    check_enough(use_case, frame)
    run_id = find_run(use_case, run_key) or _create(use_case, run_key)
    store_frame(run_id, frame)
    store.set_tags(
        run_id,
        reason=reason,
        rows=len(frame),
        positives=int(frame[LABEL].sum()),
        fingerprint=fingerprint(frame),
        spec_version=use_case.version,
    )
    return run_id


def find_run(use_case: UseCase, run_key: str) -> str | None:
    """Id of the MLflow run that belongs to an Airflow run, or None."""
    quoted = run_key.replace("'", "\\'")
    found = store.client().search_runs(
        [store.experiment_id(use_case)], f"tags.`{_RUN_KEY}` = '{quoted}'", max_results=1
    )
    return str(found[0].info.run_id) if found else None


def _create(use_case: UseCase, run_key: str) -> str:
    run = store.client().create_run(store.experiment_id(use_case), run_name=run_key, tags={_RUN_KEY: run_key})
    return str(run.info.run_id)
