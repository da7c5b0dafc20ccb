"""The tuning DAG: better parameters for the candidates, from the next training on."""

from airflow.sdk import DAG, CronTriggerTimetable, Param, dag, get_current_context, task

from leadmill.orchestration import assets, runtime
from leadmill.spec import UseCase


def tune(use_case: UseCase) -> DAG:
    """Search better parameters for each candidate, judged by grouped folds of the training rows and never the holdout.

    Runs on the first of the month at 00:00 UTC and by hand, for as many trials and minutes as the spec's `tune` or the
    run says. Each trial is a row in `ops.trials` while it runs; killed, the task goes on where it was. Parameters that
    are surely better than the defaults are kept in `ops.params` for the next training, whose model the gate judges like
    any other: `./leadmill model params` shows them and drops them.
    """

    @dag(
        schedule=CronTriggerTimetable("0 0 1 * *", timezone="UTC", run_immediately=runtime.FROM_NOW_ON),
        params={
            "trials": Param(None, type=["null", "integer"], minimum=1, title="Trials of each candidate, in all"),
            "minutes": Param(None, type=["null", "number"], title="Minutes of work, in all", exclusiveMinimum=0),
            "reason": Param(None, type=["null", "string"], title="Why (kept with the study)"),
        },
        **runtime.dag_arguments(use_case, "tune", "tuning", tune, retries=3),
    )
    def build() -> None:
        @task(
            task_display_name="Search better parameters",
            task_id="tune",
            inlets=[assets.features(use_case)],
            outlets=[assets.params(use_case)],
        )
        def search() -> str:
            from leadmill.registry.tune import tune as run

            params = get_current_context()["params"]
            with runtime.stage(use_case, "tune") as run_id:
                done = run(use_case, run_id, params["reason"], params["trials"], params["minutes"])
                runtime.handled(done.rows)
            return str(done)

        search()

    return build()
