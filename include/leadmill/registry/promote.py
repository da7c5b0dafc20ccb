"""Last task: the challenger becomes champion."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadmill import names
from leadmill.errors import PromotionRefused
from leadmill.registry import documents, ledger, store
from leadmill.registry.bands import Frozen, cut_offs, percentile_grid
from leadmill.registry.champion import champion_version, load_version
from leadmill.registry.dataset import training_set
from leadmill.registry.fit import fitted
from leadmill.registry.gate import decision
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.storage.frames import read_frame
from leadmill.training.inputs import model_frame, model_inputs
from leadmill.training.predict import probabilities

SMALLEST_POPULATION = 200


@dataclass(frozen=True)
class Promotion:
    """Who serves now, who served before, and the lowest probability of each band."""

    version: str
    candidate: str
    champion_before: str | None
    bands: dict[str, float]


def promote(use_case: UseCase, run_id: str, actor: str) -> Promotion:
    """Make the version that ``gate`` passed the champion: freeze its bands, write the ledger, then set the alias.

    The alias comes last, so until everything is stored the old champion serves; promoting again completes what is
    left to do. Raises PromotionRefused when the gate refused, or when another champion came in between.
    """
    verdict = documents.verdict(run_id)
    if not verdict.passed:
        raise PromotionRefused(use_case.name, verdict.version, verdict.reasons)
    serving = champion_version(use_case)
    if serving not in (verdict.version, verdict.champion_before):
        why = f"it was judged against champion {verdict.champion_before}, but {serving} serves now; run the gate again"
        raise PromotionRefused(use_case.name, verdict.version, [why])
    cuts = _frozen(use_case, run_id, verdict.candidate)
    act = decision(use_case, run_id, "promoted", verdict, actor)
    with engine().begin() as connection:
        ledger.freeze(connection, use_case.name, verdict.version, cuts, act.decided_at)
        ledger.record_decision(connection, use_case.name, f"promote:{run_id}", act)
    # Proof that it loads and fits before anyone is sent to it.
    kept = load_version(use_case, verdict.version)
    store.client().set_registered_model_alias(use_case.name, store.CHAMPION, verdict.version)
    store.set_tags(run_id, verdict="promoted")
    store.client().set_terminated(run_id)
    return Promotion(verdict.version, verdict.candidate, verdict.champion_before, kept.bands)


def _frozen(use_case: UseCase, run_id: str, candidate: str) -> Frozen:
    model = fitted(run_id, candidate)
    x = model_frame(read_frame(_population(use_case), [use_case.score.population]), model_inputs(use_case))
    population = "latest features"
    if len(x) < SMALLEST_POPULATION:
        x, population = training_set(use_case, run_id).holdout.x, "holdout"
    found: NDArray[np.float64] = probabilities(model, x)
    return Frozen(cut_offs(found, use_case.score.bands), percentile_grid(found), population)


def _population(use_case: UseCase) -> str:
    """Latest features of all entities, or of those without an outcome where the population is 'open'."""
    key, labels = use_case.entity.key, names.labels_table(use_case)
    return (
        f"SELECT * FROM {names.latest_view(use_case)} AS f "
        f"WHERE $1 = 'all' OR NOT EXISTS (SELECT FROM {labels} AS l WHERE l.{key} = f.{key})"
    )
