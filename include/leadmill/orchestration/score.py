"""The scoring DAG: champion and newest features to published scores."""

import logging
from dataclasses import asdict
from typing import Any

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, dag, task

from leadmill.orchestration import assets, runtime
from leadmill.spec import UseCase

log = logging.getLogger(__name__)


def score(use_case: UseCase) -> DAG:
    """Score every entity whose features or champion changed, in mapped chunks, and publish in one transaction.

    Starts by itself after new features and after a promotion, and hourly in any case: events only wake it up, and a
    lead grows stale without any. Readers of the scores table see the old scores or the new ones, never a mixture.
    """
    hourly = CronTriggerTimetable("15 * * * *", timezone="UTC", run_immediately=runtime.FROM_NOW_ON)

    @dag(
        schedule=AssetOrTimeSchedule(timetable=hourly, assets=assets.features(use_case) | assets.model(use_case)),
        **runtime.dag_arguments(use_case, "score", "scoring", score, retries=2),
    )
    def build() -> None:
        @task(task_display_name="Plan the chunks", inlets=[assets.features(use_case), assets.model(use_case)])
        def plan() -> list[dict[str, Any]]:
            from leadmill.scoring.batch import plan as run

            with runtime.stage(use_case, "plan") as run_id:
                chunks = run(use_case, run_id)
                runtime.handled(sum(chunk.rows for chunk in chunks))
            return [asdict(chunk) for chunk in chunks]

        @task(task_id="score", task_display_name="Score a chunk")
        def score_chunk(chunk: dict[str, Any]) -> int:
            from leadmill.scoring.batch import Chunk, score_chunk as run

            with runtime.stage(use_case, f"score_chunk_{chunk['number']}") as run_id:
                runtime.handled(rows := run(use_case, run_id, Chunk(**chunk)))
                return rows

        @task(task_display_name="Publish the scores", outlets=[assets.scores(use_case)])
        def publish(counts: list[int]) -> str:
            from leadmill.errors import ScoresOutdated
            from leadmill.scoring.publish import publish_scores as run

            with runtime.stage(use_case, "publish_scores") as run_id:
                try:
                    summary = run(use_case, run_id, sum(counts))
                    runtime.handled(summary.published)
                except ScoresOutdated as error:
                    runtime.skip(str(error))
            log.info("%s", summary)
            return str(summary)

        publish(score_chunk.expand(chunk=plan()))  # type: ignore[arg-type]

    return build()
