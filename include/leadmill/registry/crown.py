"""How a version becomes champion, whoever decided it: bands frozen, the ledger written, then the alias."""

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from leadmill import names
from leadmill.faults import kill_point
from leadmill.features.closed import closed_sql
from leadmill.registry import ledger, store
from leadmill.registry.bands import Frozen, cut_offs, percentile_grid
from leadmill.registry.champion import Champion, load_version, proved_pipeline
from leadmill.registry.contract import inputs_from
from leadmill.registry.dataset import training_set
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.storage.frames import read_frame
from leadmill.training.inputs import model_frame
from leadmill.training.predict import probabilities

SMALLEST_POPULATION = 200


def crown(use_case: UseCase, act: str, decision: ledger.Decision) -> Champion:
    """Make ``decision.version`` the champion and record it as ``act``; the caller holds the promotion lock.

    Nothing is written unless the registered model loads and fits the features (ModelContractBroken, UnknownVersion).
    What was frozen at an earlier promotion stays. The alias comes last: until everything is stored the old champion
    serves, and readers see whole versions only.
    """
    version = decision.version
    row = ledger.known_model(use_case.name, version)
    model = proved_pipeline(use_case, version)
    cuts = _frozen(use_case, row, model) if row.bands is None else None
    with engine().begin() as connection:
        if cuts is not None:
            ledger.freeze(connection, use_case.name, version, cuts, decision.decided_at)
        ledger.record_decision(connection, use_case.name, act, decision)
    kept = load_version(use_case, version)
    kill_point("model.before_alias")
    store.client().set_registered_model_alias(use_case.name, store.CHAMPION, version)
    return kept


def _frozen(use_case: UseCase, row: ledger.ModelRow, model: Pipeline) -> Frozen:
    inputs, population = inputs_from(row.inputs), "latest features"
    frame = read_frame(_population(use_case))
    if len(frame) < SMALLEST_POPULATION:
        rows, population = training_set(use_case, row.mlflow_run_id), "holdout"
        frame = rows.frame.iloc[rows.split.holdout]
    found: NDArray[np.float64] = probabilities(model, model_frame(frame, inputs))
    return Frozen(cut_offs(found, use_case.score.bands), percentile_grid(found), population)


def _population(use_case: UseCase) -> str:
    """Latest features of all entities, or of the open ones where the population is 'open'."""
    key = use_case.entity.key
    return f"SELECT * FROM {names.latest_view(use_case)} AS f WHERE NOT {closed_sql(use_case, f'f.{key}')}"
