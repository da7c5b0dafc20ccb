"""The monitoring DAG: are features, scores and stages as they should be?"""

import logging
from datetime import timedelta

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, dag, task

from leadmill import settings
from leadmill.orchestration import assets, runtime
from leadmill.spec import UseCase

log = logging.getLogger(__name__)


def monitor(use_case: UseCase) -> DAG:
    """Look for drift, judge the scores as issued on matured outcomes, check every stage's deadline; tell of new alerts.

    Runs daily and after each publication of scores. What it finds stays in `ops.*` with its history; each new alert is
    told once, in the log and by mail where the spec names addresses. Events for others are found drift, and that
    a training is due: enough newly matured outcomes, or enough matured rows since the drift began (`retrain`).
    Logged answers of the scoring API (`ops.predictions`) that are older than LEADMILL_PREDICTION_DAYS are deleted.
    """
    daily = CronTriggerTimetable("30 4 * * *", timezone="UTC", run_immediately=runtime.FROM_NOW_ON)

    @dag(
        schedule=AssetOrTimeSchedule(timetable=daily, assets=[assets.scores(use_case)]),
        **runtime.dag_arguments(use_case, "monitor", "monitoring", monitor, retries=2),
    )
    def build() -> None:
        @task(
            task_display_name="Look for drift",
            inlets=[assets.features(use_case), assets.scores(use_case)],
            outlets=[assets.drift(use_case)],
        )
        def drift() -> str:
            from leadmill.monitoring.drift import WATCH, watch_drift
            from leadmill.orchestration.notify import notify

            with runtime.stage(use_case, "drift") as run_id:
                found = watch_drift(use_case, run_id)
                runtime.handled(found.rows)
                notify(use_case, WATCH)
            if not found.drifted:
                runtime.skip(f"No drift: {len(found.subjects)} subjects compared with model {found.model_version}.")
            return f"drifted: {', '.join(found.drifted)}"

        @task(task_display_name="Judge the scores as issued", inlets=[assets.scores(use_case)])
        def performance() -> str:
            from leadmill.monitoring.follow_up import ensure_follow_up_view
            from leadmill.monitoring.performance import WATCH, watch_performance
            from leadmill.orchestration.notify import notify

            with runtime.stage(use_case, "performance") as run_id:
                ensure_follow_up_view(use_case)
                found = watch_performance(use_case, run_id)
                runtime.handled(max(one.ranking.n for one in found))
                notify(use_case, WATCH)
            return "; ".join(f"{one.days} days: {one.ranking.n:,} matured" for one in found)

        @task(task_display_name="Check the deadlines")
        def freshness() -> str:
            from leadmill.monitoring.freshness import WATCH, watch_freshness
            from leadmill.orchestration.notify import notify

            with runtime.stage(use_case, "freshness") as run_id:
                found = watch_freshness(use_case, run_id)
                notify(use_case, WATCH)
            late = [one.stage for one in found if one.late]
            return f"late: {', '.join(late)}" if late else "nothing is late"

        @task(
            task_display_name="Is a training due?",
            inlets=[assets.features(use_case)],
            outlets=[assets.training(use_case)],
            # Whatever the looks before it came to.
            trigger_rule="all_done",
        )
        def retraining() -> str:
            from leadmill.monitoring.retraining import watch_retraining

            with runtime.stage(use_case, "retraining") as run_id:
                found, told = watch_retraining(use_case, run_id)
            if not told:
                again = "; the training was told of it within a day" if found.rule else ""
                runtime.skip(f"{found.sentence}{again}")
            log.info("%s", found.sentence)
            return found.sentence

        @task(task_display_name="Forget old answers of the API")
        def forget() -> str:
            from leadmill.monitoring.predictions import forget_predictions

            with runtime.stage(use_case, "forget"):
                gone = forget_predictions(timedelta(days=settings.current().prediction_days))
                runtime.handled(gone)
            return f"{gone:,} logged answers were old enough to be deleted"

        [drift(), performance(), freshness()] >> retraining()
        forget()

    return build()
