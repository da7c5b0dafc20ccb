"""Second task: every candidate cross-validated and fitted, its file stored with the run."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from leadmill.errors import LeadmillError, examples
from leadmill.registry import documents, store
from leadmill.registry.dataset import TrainingSet, training_set
from leadmill.registry.parameters import Tuned, kept_with
from leadmill.registry.trusted import read_model, write_model
from leadmill.spec import UseCase
from leadmill.training.banded import Model
from leadmill.training.candidates import default_parameters
from leadmill.training.cross_validation import cross_validate
from leadmill.training.fit_banded import fit_model
from leadmill.training.inputs import model_inputs
from leadmill.training.results import CrossValidation

_FOLDER = "candidates"


@store.ends_failed
def fit(use_case: UseCase, run_id: str) -> list[CrossValidation]:
    """Cross-validate and fit each candidate of the spec on the run's training rows, simple to complex.

    With the parameters that tuning has left, or the defaults. Everything is stored under fixed names, so fitting again
    replaces it; of a run that has made its version nothing is fitted again, because that has its figures. Raises
    NotTrainable, and LeadmillError where the run's rows lack a feature that was added since.
    """
    if store.tag(run_id, "version"):
        return documents.cross_validations(run_id)
    rows = training_set(use_case, run_id)
    _check_inputs(use_case, rows)
    tuned = kept_with(use_case, run_id)
    found = []
    for candidate in use_case.model.competing:
        given = tuned.get(candidate, Tuned()).params
        result = cross_validate(use_case, candidate, rows.train, given)
        model = fit_model(use_case, candidate, model_inputs(use_case, candidate=candidate), rows.train, given)
        store_fitted(run_id, candidate, model)
        store.log_metrics(run_id, _metrics(result))
        found.append(result)
    documents.write(run_id, documents.CROSS_VALIDATION, found)
    _log_params(use_case, run_id, tuned)
    tag_split(run_id, rows)
    return found


def _check_inputs(use_case: UseCase, rows: TrainingSet) -> None:
    asked = (
        item.name for candidate in use_case.model.competing for item in model_inputs(use_case, candidate=candidate)
    )
    lacking = sorted({*asked} - {item.name for item in rows.inputs})
    if lacking:
        raise LeadmillError(
            f"The rows of this training lack {examples(lacking)}: the spec of '{use_case.name}' has changed since they "
            f"were put together. Start {use_case.name}_train again."
        )


def tag_split(run_id: str, rows: TrainingSet) -> None:
    """Say with the run how its frame was split."""
    store.set_tags(
        run_id,
        training_rows=len(rows.train),
        holdout_rows=len(rows.holdout),
        purged=rows.split.purged,
        holdout_begins=rows.split.begins.isoformat(),
    )


def fitted(run_id: str, candidate: str) -> Model:
    """The candidate that :func:`fit` stored."""
    with tempfile.TemporaryDirectory() as folder:
        return read_model(Path(store.client().download_artifacts(run_id, _file(candidate), folder)))


def _file(candidate: str) -> str:
    return f"{_FOLDER}/{candidate}.skops"


def store_fitted(run_id: str, candidate: str, model: Model) -> None:
    """Store a fitted candidate with the run, where :func:`fitted` finds it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{candidate}.skops"
        write_model(model, file)
        store.client().log_artifact(run_id, str(file), _FOLDER)


def _metrics(result: CrossValidation) -> dict[str, float]:
    """MLflow shows what stands before the slash as one section."""
    values = {}
    for section, figures in {"cv": result.metrics, **{f"cv_{k}": v for k, v in result.variants.items()}}.items():
        for name, folds in figures.items():
            values[f"{result.candidate}/{section}_{name}_mean"] = folds.mean
            values[f"{result.candidate}/{section}_{name}_std"] = folds.std
    return values


def _log_params(use_case: UseCase, run_id: str, tuned: Mapping[str, Tuned]) -> None:
    for name in ("metric", "choice", "class_weights", "prior", "edges"):
        store.client().log_param(run_id, name, getattr(use_case.model, name))
    for candidate in use_case.model.competing:
        found, declared = tuned.get(candidate, Tuned()), use_case.model.parameters_of(candidate)
        store.client().log_param(run_id, f"{candidate} parameters", "those declared" if declared else found)
        usual = default_parameters(use_case.model.builder_of(candidate), use_case.model.edges == "together")
        for name, value in sorted({**usual, **declared, **found.params}.items()):
            store.client().log_param(run_id, f"{candidate}.{name}", value)
