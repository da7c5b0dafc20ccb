"""The ETL DAG: warehouse to features, offline and online."""

import logging

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, Param, dag, get_current_context, task

from leadmill.orchestration import assets, runtime
from leadmill.orchestration.links import with_link
from leadmill.spec import UseCase

log = logging.getLogger(__name__)
_HOURLY = CronTriggerTimetable("0 * * * *", timezone="UTC", run_immediately=runtime.FROM_NOW_ON)
_PARAMS = {
    "release_window": Param(False, type="boolean", title="Let a blocked window through"),
    "reason": Param(None, type=["null", "string"], title="Why (kept in ops.windows)"),
}


def etl(use_case: UseCase) -> DAG:
    """Extract new rows, check them, fill and encode them, check the features, publish them, bring them online.

    Starts by itself when the source's watermark moves, and hourly in any case. A window that breaks a batch rule is
    blocked: nothing is published and the next run retries it. To let it through by hand, trigger the DAG with
    `release_window` and a reason; your name is kept with it.
    """

    @dag(
        schedule=AssetOrTimeSchedule(timetable=_HOURLY, assets=[assets.source(use_case)]),
        params=_PARAMS,
        **runtime.dag_arguments(use_case, "etl", "ETL", etl, retries=2),
    )
    def build() -> None:
        @task(task_display_name="Extract from the warehouse", inlets=[assets.source(use_case)])
        def extract() -> str:
            from leadmill.extract.extract import extract as run

            with runtime.stage(use_case, "extract") as run_id:
                found = run(use_case, run_id)
                runtime.handled(found.read)
            if found.window is None or found.empty:
                runtime.skip(f"An empty window: nothing new in the source. {found.describe()}")
            log.info("%s", found.describe())
            return found.window.address

        @task(task_display_name="Check the raw rows")
        def check_raw(window: str) -> str:
            from leadmill.quality.check import Release, check_raw as run

            context = get_current_context()
            params, author = context["params"], getattr(context["dag_run"], "triggering_user_name", None) or "unknown"
            with runtime.stage(use_case, "check_raw") as run_id:
                release = Release(author, params["reason"] or "") if params["release_window"] else None
                checked = run(use_case, window, run_id, release)
                runtime.handled(checked.accepted + checked.rejected)
                log.info("%s", checked.describe())
            return window

        @task(task_display_name="Impute and encode")
        def impute_encode(window: str) -> str:
            from leadmill.prepare.prepare import impute_encode as run

            with runtime.stage(use_case, "impute_encode"):
                prepared = run(use_case, window)
                runtime.handled(prepared.rows)
                log.info("%s", prepared.describe())
            return window

        @task(task_display_name="Check the features")
        def check_features(window: str) -> str:
            from leadmill.quality.check import check_features as run

            with runtime.stage(use_case, "check_features") as run_id:
                checked = run(use_case, window, run_id)
                runtime.handled(checked.accepted + checked.rejected)
                log.info("%s", checked.describe())
            return window

        @task(task_display_name="Publish the features")
        def publish(window: str) -> str:
            from leadmill.features.publish import publish_features as run

            with runtime.stage(use_case, "publish"):
                published = run(use_case, window)
                runtime.handled(published.touched)
            log.info("%s", published.describe())
            return published.table

        @task(
            task_display_name="Materialize into Feast's online store",
            outlets=[assets.features(use_case)],
            trigger_rule="none_failed",
        )
        def materialize(table: str | None) -> str:
            from leadmill.features.materialize import materialize as run

            with runtime.stage(use_case, "materialize"):
                done = run(use_case)
                runtime.handled(done.entities if done else 0)
            if done is None:
                runtime.skip("The online store holds the newest features already.")
            return f"{done.entities:,} entities through {done.end.isoformat()}"

        raw = with_link(check_raw(extract()), "Data Docs", "raw-check", use_case)  # type: ignore[arg-type]
        features = with_link(check_features(impute_encode(raw)), "Data Docs", "features-check", use_case)  # type: ignore[arg-type]
        materialize(publish(features))  # type: ignore[arg-type]

    return build()
