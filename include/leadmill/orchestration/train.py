"""The training DAG: labelled features to a judged challenger, and to a champion if it deserves it."""

import logging
from typing import Any

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, Param, dag, get_current_context, task

from leadmill.orchestration import approval, assets, runtime
from leadmill.orchestration.links import with_link
from leadmill.spec import UseCase

log = logging.getLogger(__name__)


def why(kind: str, given: str | None, who: str | None, due: str) -> str:
    """Why a training runs, as ``ops.promotions`` keeps it; ``due`` says what made one due."""
    if kind in ("asset_triggered", "scheduled"):
        return due if kind == "asset_triggered" else "Sunday"
    by_hand = f"by hand ({who})" if who else "by hand"
    return f"{given}, {by_hand}" if given else by_hand


def train(use_case: UseCase) -> DAG:
    """Fit every candidate on point-in-time features, judge the best on the newest rows, promote it if it passes.

    Runs when data makes it due (see the monitoring), on Sundays at 00:00 UTC and by hand, one at a time. Each verdict,
    with its figures, is a row in `ops.promotions`; a refused challenger changes nothing. The spec's `gate.mode` says
    who promotes what passes: the run itself (auto), a person who is asked in it (ask), or nobody before
    `./leadmill model choose` (never).
    """

    sundays = CronTriggerTimetable("0 0 * * 0", timezone="UTC", run_immediately=runtime.FROM_NOW_ON)

    @dag(
        schedule=AssetOrTimeSchedule(timetable=sundays, assets=[assets.training(use_case)]),
        params={"reason": Param(None, type=["null", "string"], title="Why (kept with the run)")},
        **runtime.dag_arguments(use_case, "train", "training", train, retries=1),
    )
    def build() -> None:
        @task(task_display_name="Build the training set", inlets=[assets.features(use_case)])
        def training_set() -> str:
            from leadmill.monitoring.retraining import learns_since, training_due
            from leadmill.registry.begin import begin_training
            from leadmill.registry.provenance import training_data

            context = get_current_context()
            kind = context["dag_run"].run_type.value
            with runtime.stage(use_case, "training_set") as run_id:
                due = training_due(use_case)
                if kind == "asset_triggered" and due.rule is None:
                    # Of a burst of events the first has had the data.
                    runtime.skip(due.sentence)
                who = getattr(context["dag_run"], "triggering_user_name", None)
                reason = why(kind, context["params"]["reason"], who, due.sentence)
                mlflow_run = begin_training(use_case, run_id, reason, learns_since(use_case, due))
                runtime.handled(training_data(mlflow_run)["rows"])
            return mlflow_run

        @task(task_display_name="Fit the candidates")
        def fit(mlflow_run: str) -> str:
            from leadmill.registry.fit import fit as run
            from leadmill.registry.provenance import training_data

            with runtime.stage(use_case, "fit"):
                run(use_case, mlflow_run)
                runtime.handled(training_data(mlflow_run)["training_rows"])
            return mlflow_run

        @task(task_display_name="Evaluate on the newest rows")
        def evaluate(mlflow_run: str) -> str:
            from leadmill.registry.evaluate import evaluate as run
            from leadmill.registry.provenance import training_data

            with runtime.stage(use_case, "evaluate"):
                run(use_case, mlflow_run)
                runtime.handled(training_data(mlflow_run)["holdout_rows"])
            return mlflow_run

        @task(task_display_name="Gate: challenger against champion")
        def gate(mlflow_run: str) -> str:
            from leadmill.registry.gate import gate as run

            with runtime.stage(use_case, "gate") as run_id:
                verdict = run(use_case, mlflow_run, run_id)
            log.info("Version %s (%s): %s", verdict.version, verdict.candidate, "; ".join(verdict.reasons))
            if not verdict.passed:
                runtime.skip(f"Refused: {'; '.join(verdict.reasons)}. The champion stays.")
            if use_case.gate.mode == "never":
                runtime.skip(f"Held: ./leadmill model choose {use_case.name} {verdict.version} makes it champion.")
            get_current_context()["ti"].xcom_push("comparison", verdict.comparison())
            return mlflow_run

        @task(task_display_name="Promote to champion", outlets=[assets.model(use_case)])
        def promote(mlflow_run: str, answer: dict[str, Any] | None = None) -> str:
            from leadmill.registry.promote import promote as run, reject

            with runtime.stage(use_case, "promote") as run_id:
                said = answer and approval.answered(answer)
                if said and not said.approved:
                    reject(use_case, mlflow_run, said.who or run_id, said.words)
                    runtime.skip(f"{said.words}. The champion stays.")
                return str(run(use_case, mlflow_run, run_id, said.words if said else None))

        kind = ("MLflow run", "training", use_case)
        judged = with_link(evaluate(with_link(fit(with_link(training_set(), *kind)), *kind)), *kind)
        passed = with_link(gate(judged), *kind)
        if use_case.gate.mode == "ask":
            asked = approval.ask(use_case)
            passed >> asked
            with_link(promote(passed, asked.output), *kind)  # type: ignore[arg-type]
        else:
            with_link(promote(passed), *kind)

    return build()
