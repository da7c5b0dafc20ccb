"""Last task: the challenger becomes champion."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from leadmill import names
from leadmill.errors import PromotionRefused
from leadmill.features.closed import closed_sql
from leadmill.registry import documents, ledger, store
from leadmill.registry.bands import Frozen, cut_offs, percentile_grid
from leadmill.registry.champion import champion_version, load_version, proved_pipeline
from leadmill.registry.dataset import training_set
from leadmill.registry.documents import Verdict
from leadmill.registry.gate import decision
from leadmill.spec import UseCase
from leadmill.storage.database import engine, use_case_lock
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


@store.ends_failed
def promote(use_case: UseCase, run_id: str, actor: str) -> Promotion:
    """Make the version that ``gate`` passed the champion: freeze its bands, write the ledger, then set the alias.

    One promotion of a use case at a time. Nothing is written unless the registered model loads and fits. The alias
    comes last, so until everything is stored the old champion serves; promoting again completes what is left to do.
    Raises PromotionRefused when the gate refused, or, recorded here, when another champion came in between.
    """
    verdict = documents.verdict(run_id)
    if not verdict.passed:
        raise PromotionRefused(use_case.name, verdict.version, verdict.reasons)
    with use_case_lock(f"{use_case.name}/promotion"):
        _check_still_current(use_case, run_id, verdict, actor)
        cuts = _frozen(use_case, run_id, proved_pipeline(use_case, verdict.version))
        act = decision(use_case, run_id, "promoted", verdict, actor)
        with engine().begin() as connection:
            ledger.freeze(connection, use_case.name, verdict.version, cuts, act.decided_at)
            ledger.record_decision(connection, use_case.name, f"promote:{run_id}", act)
        kept = load_version(use_case, verdict.version)
        store.client().set_registered_model_alias(use_case.name, store.CHAMPION, verdict.version)
    store.set_tags(run_id, verdict="promoted")
    store.client().set_terminated(run_id)
    return Promotion(verdict.version, verdict.candidate, verdict.champion_before, kept.bands)


def _check_still_current(use_case: UseCase, run_id: str, verdict: Verdict, actor: str) -> None:
    """Record and raise a refusal unless the champion is the one that the gate compared with."""
    serving = champion_version(use_case)
    if serving in (verdict.version, verdict.champion_before):
        return
    why = f"it was judged against champion {verdict.champion_before}, but {serving} serves now; run the gate again"
    overtaken = replace(verdict, champion_before=serving, reasons=(why,))
    refusal = decision(use_case, run_id, "refused", overtaken, actor)
    with engine().begin() as connection:
        ledger.record_decision(connection, use_case.name, f"promote against {serving}:{run_id}", refusal)
    store.set_tags(run_id, verdict="refused")
    store.client().set_terminated(run_id)
    raise PromotionRefused(use_case.name, verdict.version, [why])


def _frozen(use_case: UseCase, run_id: str, model: Pipeline) -> Frozen:
    x = model_frame(read_frame(_population(use_case)), model_inputs(use_case))
    population = "latest features"
    if len(x) < SMALLEST_POPULATION:
        x, population = training_set(use_case, run_id).holdout.x, "holdout"
    found: NDArray[np.float64] = probabilities(model, x)
    return Frozen(cut_offs(found, use_case.score.bands), percentile_grid(found), population)


def _population(use_case: UseCase) -> str:
    """Latest features of all entities, or of the open ones where the population is 'open'."""
    key = use_case.entity.key
    return f"SELECT * FROM {names.latest_view(use_case)} AS f WHERE NOT {closed_sql(use_case, f'f.{key}')}"
