"""Every stage as a plain call, for ``./leadmill run STAGE USE_CASE``; the DAGs' tasks call the same functions."""

from collections.abc import Callable
from datetime import timedelta

from leadmill import settings
from leadmill.errors import LeadmillError
from leadmill.spec import UseCase

Stage = Callable[[UseCase, str], str]


def extract(use_case: UseCase, run_id: str) -> str:
    """Read the next window."""
    from leadmill.extract.extract import extract as run

    found = run(use_case, run_id)
    return found.window.address if found.window and not found.empty else "an empty window: nothing new in the source"


def check_raw(use_case: UseCase, run_id: str) -> str:
    """Check the unpublished window's raw rows."""
    from leadmill.quality.check import check_raw as run

    return run(use_case, _window(use_case), run_id).describe()


def impute_encode(use_case: UseCase, run_id: str) -> str:
    """Prepare the unpublished window."""
    from leadmill.prepare.prepare import impute_encode as run

    return run(use_case, _window(use_case)).describe()


def check_features(use_case: UseCase, run_id: str) -> str:
    """Check the unpublished window's features."""
    from leadmill.quality.check import check_features as run

    return run(use_case, _window(use_case), run_id).describe()


def publish(use_case: UseCase, run_id: str) -> str:
    """Publish the unpublished window."""
    from leadmill.features.publish import publish_features as run

    return run(use_case, _window(use_case)).describe()


def materialize(use_case: UseCase, run_id: str) -> str:
    """Bring the online store up to the newest features."""
    from leadmill.features.materialize import materialize as run

    done = run(use_case)
    return f"{done.entities:,} entities online" if done else "the online store holds the newest features already"


def train(use_case: UseCase, run_id: str) -> str:
    """Training set, fit, evaluation, gate and promotion in a row; nobody is asked here, so `ask` holds what passes."""
    from leadmill.monitoring.retraining import learns_since, training_due
    from leadmill.registry.begin import begin_training
    from leadmill.registry.evaluate import evaluate
    from leadmill.registry.fit import fit
    from leadmill.registry.gate import gate
    from leadmill.registry.promote import promote

    mlflow_run = begin_training(use_case, run_id, "by hand", learns_since(use_case, training_due(use_case)))
    fit(use_case, mlflow_run)
    evaluate(use_case, mlflow_run)
    holds = use_case.gate.mode != "auto"
    asked = use_case.gate.model_copy(update={"mode": "never"}) if holds else use_case.gate
    verdict = gate(use_case.model_copy(update={"gate": asked}), mlflow_run, run_id)
    if not verdict.passed:
        return f"refused: {'; '.join(verdict.reasons)}"
    if holds:
        return f"passed and held: ./leadmill model choose {use_case.name} {verdict.version} makes it champion"
    return str(promote(use_case, mlflow_run, run_id))


def tune(use_case: UseCase, run_id: str) -> str:
    """Search better parameters, as far as the spec says; each trial is told in the log."""
    from leadmill.registry.tune import tune as run

    return str(run(use_case, run_id, "by hand"))


def score(use_case: UseCase, run_id: str) -> str:
    """Plan, score and publish."""
    from leadmill.scoring.batch import plan, score_chunk
    from leadmill.scoring.publish import publish_scores

    rows = sum(score_chunk(use_case, run_id, chunk) for chunk in plan(use_case, run_id))
    return str(publish_scores(use_case, run_id, rows))


def monitor(use_case: UseCase, run_id: str) -> str:
    """Look for drift, judge the matured scores, check the deadlines, forget old predictions; is a training due?"""
    from leadmill.monitoring.alerts import open_alerts
    from leadmill.monitoring.drift import watch_drift
    from leadmill.monitoring.follow_up import ensure_follow_up_view
    from leadmill.monitoring.freshness import watch_freshness
    from leadmill.monitoring.performance import watch_performance
    from leadmill.monitoring.predictions import forget_predictions
    from leadmill.monitoring.retraining import watch_retraining

    forget_predictions(timedelta(days=settings.current().prediction_days))
    watch_drift(use_case, run_id)
    ensure_follow_up_view(use_case)
    watch_performance(use_case, run_id)
    watch_freshness(use_case, run_id)
    due, _ = watch_retraining(use_case, run_id)
    return f"{'; '.join(alert.message for alert in open_alerts(use_case)) or 'no open alert'}; {due.sentence}"


STAGES: dict[str, Stage] = {
    "extract": extract,
    "check_raw": check_raw,
    "impute_encode": impute_encode,
    "check_features": check_features,
    "publish": publish,
    "materialize": materialize,
    "train": train,
    "tune": tune,
    "score": score,
    "monitor": monitor,
}


def _window(use_case: UseCase) -> str:
    from leadmill.extract.windows import unpublished

    address = unpublished(use_case)
    if address is None:
        raise LeadmillError(f"'{use_case.name}' has no unpublished window. Run the stage 'extract' first.")
    return address
