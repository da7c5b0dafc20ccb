"""leadmill's own stages, called as its DAGs call them."""

import time
from importlib import import_module

from benchmarks.measured import Steps
from leadmill.spec import UseCase
from leadmill.storage.skops_format import skops_io

# Each run has an id of its own, as Airflow's have.
RUN = f"bench/{time.time_ns()}"
_IMPORTED = (
    "adbc_driver_postgresql.dbapi",
    "feast",
    "feast.infra.offline_stores.contrib.postgres_offline_store.postgres",
    "great_expectations.expectations",
    "leadmill.extract.extract",
    "leadmill.features.materialize",
    "leadmill.features.publish",
    "leadmill.features.typed_store.engine",
    "leadmill.prepare.prepare",
    "leadmill.quality.check",
    "leadmill.scoring.batch",
    "leadmill.scoring.publish",
    "mlflow.artifacts",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "narwhals",
    "sklearn.pipeline",
)


def warm_up() -> None:
    """Import what the stages import: on both sides the measured time is work, not imports."""
    for module in _IMPORTED:
        import_module(module)
    skops_io()


def run(use_case: UseCase, steps: Steps) -> None:
    """The source's new rows to published scores and online features."""
    from leadmill.extract.extract import extract
    from leadmill.features.materialize import materialize
    from leadmill.features.publish import publish_features
    from leadmill.prepare.prepare import impute_encode
    from leadmill.quality.check import check_features, check_raw
    from leadmill.scoring.batch import plan, score_chunk
    from leadmill.scoring.publish import publish_scores

    with steps.step("extract"):
        window = extract(use_case, RUN).window
        assert window is not None
    with steps.step("check"):
        check_raw(use_case, window.address, RUN)
    with steps.step("impute and encode"):
        impute_encode(use_case, window.address)
    with steps.step("check"):
        check_features(use_case, window.address, RUN)
    with steps.step("write features"):
        publish_features(use_case, window.address)
    with steps.step("materialize"):
        materialize(use_case)
    with steps.step("score"):
        scored = sum(score_chunk(use_case, RUN, chunk) for chunk in plan(use_case, RUN))
    with steps.step("publish scores"):
        publish_scores(use_case, RUN, scored)
