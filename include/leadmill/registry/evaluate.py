"""Third task: the candidates on the newest rows; the best one registered as a version."""

from dataclasses import asdict, dataclass
from importlib.metadata import version as installed
from typing import Any

from sklearn.pipeline import Pipeline

from leadmill.clock import source_now
from leadmill.registry import documents, ledger, store
from leadmill.registry.contract import inputs_document
from leadmill.registry.dataset import TrainingSet, training_set
from leadmill.registry.fit import fitted
from leadmill.registry.trusted import TRUSTED_TYPES
from leadmill.spec import UseCase
from leadmill.training.cross_validation import best_candidate, leak_alarm
from leadmill.training.holdout import judge
from leadmill.training.importance import coefficients, permutation_importance
from leadmill.training.predict import probabilities
from leadmill.training.results import CrossValidation, Holdout

MODEL = "model"
_REQUIRED = ("scikit-learn", "skops", "pandas", "numpy")


@dataclass(frozen=True)
class Evaluation:
    """The chosen candidate, its version in the registry, every rival's figures, and a leak alarm if there is one."""

    candidate: str
    version: str
    cross_validation: tuple[CrossValidation, ...]
    holdout: tuple[Holdout, ...]
    leak_alarm: str | None


@store.ends_failed
def evaluate(use_case: UseCase, run_id: str) -> Evaluation:
    """Judge what ``fit`` stored, choose by the cross-validated metric of the spec, register the choice.

    A run has one version: evaluating again finds it. Only the gate decides whether it may serve.
    """
    rows = training_set(use_case, run_id)
    crossed = documents.cross_validations(run_id)
    models = {result.candidate: fitted(run_id, result.candidate) for result in crossed}
    held = [judge(candidate, model, rows.train, rows.holdout) for candidate, model in models.items()]
    best = best_candidate(use_case, crossed)
    alarm = leak_alarm(use_case, crossed)
    threshold = rows.train.base_rate
    importance = permutation_importance(models[best], rows.inputs, rows.holdout, use_case.model.metric, threshold)
    documents.write(run_id, documents.HOLDOUT, held)
    documents.write(run_id, documents.IMPORTANCE, importance)
    linear = {name: coefficients(model, rows.inputs, rows.train) for name, model in models.items()}
    documents.write(run_id, documents.COEFFICIENTS, next((found for found in linear.values() if found), []))
    store.log_metrics(run_id, {name: value for result in held for name, value in _metrics(result).items()})
    version = _registered(use_case, run_id, models[best], rows)
    store.set_tags(run_id, candidate=best, version=version, leak_alarm=alarm or "none")
    found = Evaluation(best, version, tuple(crossed), tuple(held), alarm)
    _record(use_case, run_id, found, rows)
    return found


def _registered(use_case: UseCase, run_id: str, model: Pipeline, rows: TrainingSet) -> str:
    """Version of the run's model in the registry; made where absent."""
    client = store.client()
    found = client.search_model_versions(f"name = '{use_case.name}' and run_id = '{run_id}'")
    if found:
        return str(found[0].version)
    _ensure_registered_model(use_case)
    made = client.create_model_version(
        use_case.name, _logged_model(run_id, model, rows), run_id=run_id, tags={f"{store.TAG}spec": use_case.version}
    )
    return str(made.version)


def _logged_model(run_id: str, model: Pipeline, rows: TrainingSet) -> str:
    """Address of the model in MLflow's own format, signature included."""
    import mlflow.sklearn
    from mlflow.models import infer_signature

    sample = rows.train.x.head(50)
    with mlflow.start_run(run_id=run_id):
        logged = mlflow.sklearn.log_model(
            model,
            name=MODEL,
            serialization_format="skops",
            skops_trusted_types=list(TRUSTED_TYPES),
            signature=infer_signature(sample, probabilities(model, sample)),
            pip_requirements=[f"{name}=={installed(name)}" for name in _REQUIRED],
            pyfunc_predict_fn="predict_proba",
        )
    return str(logged.model_uri)


def _ensure_registered_model(use_case: UseCase) -> None:
    client = store.client()
    if not client.search_registered_models(f"name = '{use_case.name}'"):
        client.create_registered_model(use_case.name, description=use_case.title)


def _metrics(result: Holdout) -> dict[str, float]:
    values = {f"{result.candidate}/holdout_{name}": figure.value for name, figure in result.metrics.items()}
    for name, figure in result.metrics.items():
        values[f"{result.candidate}/holdout_{name}_low"] = figure.low
        values[f"{result.candidate}/holdout_{name}_high"] = figure.high
    return values


def _record(use_case: UseCase, run_id: str, found: Evaluation, rows: TrainingSet) -> None:
    crossed = next(result for result in found.cross_validation if result.candidate == found.candidate)
    held = next(result for result in found.holdout if result.candidate == found.candidate)
    metrics: dict[str, Any] = {"cross_validation": asdict(crossed), "holdout": asdict(held)}
    ledger.record_model(
        ledger.ModelRow(
            use_case=use_case.name,
            version=found.version,
            mlflow_run_id=run_id,
            candidate=found.candidate,
            created_at=source_now(use_case),
            training_rows=len(rows.train),
            positives=int(rows.train.y.sum()),
            data_fingerprint=store.tag(run_id, "fingerprint") or "",
            spec_version=use_case.version,
            inputs=inputs_document(rows.inputs),
            metrics=metrics,
        )
    )
