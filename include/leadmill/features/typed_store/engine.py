"""The engine that materializes a feature view: inside the database where it can, by COPY where it cannot."""

import logging
from functools import partial
from typing import Any, Literal

from feast import FeatureView
from feast.infra.common.materialization_job import (
    MaterializationJobStatus,
    MaterializationTask,
)
from feast.infra.compute_engines.local.compute import LocalComputeEngine
from feast.infra.compute_engines.local.job import LocalMaterializationJob
from feast.infra.registry.base_registry import BaseRegistry
from feast.repo_config import FeastConfigBaseModel

from leadmill.features.typed_store.ddl import ensure
from leadmill.features.typed_store.store import TypedPostgresOnlineStore
from leadmill.features.typed_store.table import online_table
from leadmill.features.typed_store.transfer import transfer

log = logging.getLogger(__name__)


class PushdownComputeEngineConfig(FeastConfigBaseModel):
    """What ``batch_engine`` in feature_store.yaml takes."""

    type: Literal["leadmill.features.typed_store.engine.PushdownComputeEngine"] = (
        "leadmill.features.typed_store.engine.PushdownComputeEngine"
    )


class PushdownComputeEngine(LocalComputeEngine):
    """Materializes plain feature views into the typed store; everything else is done as Feast's local engine does it.

    Everything else: another online store, a view that transforms or aggregates, or one that is written offline too.
    """

    def _materialize_one(
        self, registry: BaseRegistry, task: MaterializationTask, **kwargs: Any
    ) -> LocalMaterializationJob:
        view = task.feature_view
        if not isinstance(self.online_store, TypedPostgresOnlineStore) or not _is_plain(view):
            return super()._materialize_one(registry, task, **kwargs)
        table = online_table(self.repo_config, view)
        connections = self.online_store.connections(self.repo_config)
        # The table may be gone, or another store's, though the registry knows the view.
        connections.run(partial(ensure, table=table))
        written = transfer(self.repo_config, self.offline_store, connections, table, task)
        log.info("%s: %s rows written online", view.name, f"{written:,}")
        job = f"{view.name}-{task.start_time}-{task.end_time}"
        return LocalMaterializationJob(job_id=job, status=MaterializationJobStatus.SUCCEEDED)


def _is_plain(view: FeatureView) -> bool:
    """Whether online rows are the source's rows as they are."""
    changing = ("feature_transformation", "aggregations", "source_views", "udf")
    return bool(view.online) and not view.offline and not any(getattr(view, name, None) for name in changing)
