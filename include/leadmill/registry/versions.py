"""A fitted model becomes a version: in MLflow's registry, and in ``ops.models``."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version as installed

import pandas as pd

from leadmill.clock import source_now
from leadmill.registry import ledger, store
from leadmill.registry.contract import inputs_document
from leadmill.registry.parameters import Tuned
from leadmill.registry.trusted import TRUSTED_TYPES
from leadmill.spec import UseCase
from leadmill.training.banded import Model
from leadmill.training.data import Rows
from leadmill.training.inputs import ModelInput
from leadmill.training.predict import probabilities
from leadmill.training.results import CrossValidation, Holdout

MODEL = "model"
_REQUIRED = ("scikit-learn", "skops", "pandas", "numpy")
_SAMPLE = 50


def register_version(
    use_case: UseCase,
    run_id: str,
    model: Model,
    inputs: Sequence[ModelInput],
    taught: Rows,
    figures: tuple[CrossValidation, Holdout],
    sample: pd.DataFrame | None = None,
    tuned: Tuned | None = None,
) -> str:
    """The version of the run's model, made where absent; the run then names it and its candidate.

    ``taught`` are the rows that it was fitted on (none where nobody knows), ``sample`` a few of what it takes where
    these do not show it, ``tuned`` its parameters where they are not the defaults.
    """
    crossed, held = figures
    version = _registered(use_case, run_id, model, taught.x.head(_SAMPLE) if sample is None else sample)
    store.set_tags(run_id, candidate=held.candidate, version=version)
    ledger.record_model(
        ledger.ModelRow(
            use_case=use_case.name,
            version=version,
            mlflow_run_id=run_id,
            candidate=held.candidate,
            created_at=source_now(use_case),
            training_rows=len(taught),
            positives=taught.positives,
            data_fingerprint=store.tag(run_id, "fingerprint") or "",
            spec_version=use_case.version,
            training_set=store.tag(run_id, "training_set"),
            inputs=inputs_document(inputs),
            metrics={"cross_validation": asdict(crossed), "holdout": asdict(held)},
            parameters=asdict(tuned) if tuned and tuned.params else None,
            classes=taught.edges.document() if taught.edges else None,
        )
    )
    return version


def _registered(use_case: UseCase, run_id: str, model: Model, sample: pd.DataFrame) -> str:
    """Version of the run's model in the registry; made where absent."""
    client = store.client()
    found = client.search_model_versions(f"name = '{use_case.name}' and run_id = '{run_id}'")
    if found:
        return str(found[0].version)
    _ensure_registered_model(use_case)
    made = client.create_model_version(
        use_case.name, _logged_model(run_id, model, sample), run_id=run_id, tags={f"{store.TAG}spec": use_case.version}
    )
    return str(made.version)


def _logged_model(run_id: str, model: Model, sample: pd.DataFrame) -> str:
    """Address of the model in MLflow's own format, signature included."""
    import mlflow.sklearn
    from mlflow.models import infer_signature

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
