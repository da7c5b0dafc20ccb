"""A model that was trained elsewhere, registered as a version if it meets the contract."""

from dataclasses import asdict, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from leadmill.errors import ModelUnfit, examples
from leadmill.registry import documents, ledger, store
from leadmill.registry.begin import begin_training
from leadmill.registry.dataset import training_set
from leadmill.registry.documents import Verdict
from leadmill.registry.findings import chosen_on_holdout
from leadmill.registry.fit import store_fitted, tag_split
from leadmill.registry.gate import gate
from leadmill.registry.ledger import EXTERNAL
from leadmill.registry.trusted import read_model
from leadmill.registry.versions import register_version
from leadmill.spec import UseCase
from leadmill.training.alerts import days_of
from leadmill.training.holdout import judge
from leadmill.training.inputs import ModelInput, inputs_of, model_frame
from leadmill.training.predict import probabilities
from leadmill.training.results import CrossValidation

_ASKED = 20


def register(use_case: UseCase, file: Path, run_key: str, actor: str, reason: str) -> Verdict:
    """Register a scikit-learn pipeline of a skops file, judge it on the newest rows, and let the gate speak.

    It takes a frame with columns named like the use case's features (and their ``_missing`` flags), as
    ``model_frame`` gives them, and answers with two probabilities. A pass makes it no champion: choose it. The figures
    say nothing where it has learned from these newest rows, which only its maker knows.
    Raises ModelUnfit, and what ``begin_training`` raises.
    """
    if use_case.classes:
        raise ModelUnfit(str(file), f"'{use_case.name}' predicts classes, which only its own training makes models for")
    model = _read(file)
    inputs = _inputs(use_case, file, model)
    run_id = begin_training(use_case, run_key, reason)
    _register(use_case, run_id, file, model, inputs)
    by_hand = use_case.gate.model_copy(update={"mode": "never"})
    return gate(use_case.model_copy(update={"gate": by_hand}), run_id, actor)


@store.ends_failed
def _register(use_case: UseCase, run_id: str, file: Path, model: Pipeline, inputs: tuple[ModelInput, ...]) -> None:
    """Store with the run what a training's fit and evaluation would. Raises ModelUnfit."""
    rows = training_set(use_case, run_id)
    frame = rows.frame.iloc[rows.split.holdout]
    x = model_frame(frame, inputs)
    _check_answers(file, model, x.head(_ASKED))
    held = judge(EXTERNAL, model, rows.train, replace(rows.holdout, x=x))
    store_fitted(run_id, EXTERNAL, model)
    tag_split(run_id, rows)
    documents.write(run_id, documents.CROSS_VALIDATION, [])
    documents.write(run_id, documents.HOLDOUT, [held])
    nobody_knows = rows.train.take(np.arange(0))
    figures = (CrossValidation(EXTERNAL, {}), held)
    version = register_version(use_case, run_id, model, inputs, nobody_knows, figures, x.head(_ASKED))
    decision = chosen_on_holdout(use_case, model, replace(rows.holdout, x=x), days_of(frame))
    if decision:
        ledger.add_findings(use_case.name, version, asdict(decision), {})


def _read(file: Path) -> Pipeline:
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        model: object = read_model(file)
    except UntrustedTypesFoundException as error:
        raise ModelUnfit(str(file), f"it holds types that leadmill does not load: {error}") from error
    except (OSError, BadZipFile, KeyError) as error:
        raise ModelUnfit(str(file), f"it cannot be read as a skops file ({error})") from error
    if not isinstance(model, Pipeline) or not hasattr(model, "predict_proba"):
        raise ModelUnfit(str(file), "it is no scikit-learn Pipeline that gives probabilities")
    return model


def _inputs(use_case: UseCase, file: Path, model: Pipeline) -> tuple[ModelInput, ...]:
    """What it takes, by the names of the columns that it was fitted on."""
    offered = {item.name: item for item in inputs_of(use_case.inputs)}
    wanted = [str(name) for name in getattr(model, "feature_names_in_", ())]
    unknown = [name for name in wanted if name not in offered]
    if not wanted or unknown:
        found = f"it takes {examples(unknown)}" if unknown else "it does not say which columns it takes"
        raise ModelUnfit(str(file), f"{found}; the use case offers {', '.join(offered)}")
    return tuple(offered[name] for name in wanted)


def _check_answers(file: Path, model: Pipeline, x: pd.DataFrame) -> None:
    """It takes the rows as they are and gives a probability for each."""
    if list(getattr(model, "classes_", ())) != [0, 1]:
        raise ModelUnfit(str(file), "its classes are not 0 and 1")
    try:
        found = probabilities(model, x)
    except (ValueError, TypeError) as error:
        raise ModelUnfit(str(file), f"it does not take the features as they are: {error}") from error
    if not np.isfinite(found).all() or (found < 0).any() or (found > 1).any():
        raise ModelUnfit(str(file), "it gives numbers that are no probabilities")
