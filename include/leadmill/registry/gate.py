"""Fourth task: may the challenger serve?"""

from dataclasses import asdict, replace

import pandas as pd

from leadmill.clock import source_now
from leadmill.errors import ModelContractBroken
from leadmill.registry import documents, ledger, rules, store
from leadmill.registry.banded_rules import banded_rules
from leadmill.registry.champion import champion_version, load_version
from leadmill.registry.compared import Unlearned, unlearned
from leadmill.registry.contract import check_contract, inputs_from
from leadmill.registry.dataset import TrainingSet, lowered_minima, training_set
from leadmill.registry.documents import Verdict
from leadmill.registry.explained import reasons_add_up
from leadmill.registry.fit import fitted
from leadmill.registry.provenance import training_data
from leadmill.registry.rules import Rule
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.training.answers import answered
from leadmill.training.banded import Model
from leadmill.training.inputs import ModelInput, model_frame
from leadmill.training.metrics import Judged
from leadmill.training.naive import naive_figures
from leadmill.training.predict import probabilities
from leadmill.training.results import Holdout


@store.ends_failed
def gate(use_case: UseCase, run_id: str, actor: str) -> Verdict:
    """Judge the run's version; a refusal is a row in ``ops.promotions`` at once, a pass becomes one by ``promote``.

    With ``gate.mode: never`` a pass is a row too: held, for a choice by hand. A version that serves already is not
    judged again: its stored verdict is the answer.
    """
    version, candidate = store.tag(run_id, "version") or "", store.tag(run_id, "candidate") or ""
    before = champion_version(use_case)
    if before == version:
        return documents.verdict(run_id)
    asked = _judge(use_case, run_id, version, candidate, before)
    broken = [rule.sentence for rule in asked if not rule.holds]
    alarm = store.tag(run_id, "leak_alarm")
    verdict = Verdict(
        passed=not broken,
        version=version,
        candidate=candidate,
        champion_before=before,
        reasons=tuple(broken or [rule.sentence for rule in asked]),
        alarms=(*(() if alarm in (None, "none") else (str(alarm),)), *lowered_minima(use_case)),
        figures={rule.name: {"holds": rule.holds, **rule.figures} for rule in asked},
    )
    store.write_json(run_id, documents.VERDICT, asdict(verdict))
    word = "refused" if broken else "held" if use_case.gate.mode == "never" else "passed"
    store.set_tags(run_id, verdict=word)
    if word != "passed":
        act = decision(use_case, run_id, word, verdict, actor)
        with engine().begin() as connection:
            ledger.record_decision(connection, use_case.name, f"gate against {before}, {word}:{run_id}", act)
    store.client().set_terminated(run_id)
    return verdict


def decision(use_case: UseCase, run_id: str, word: str, verdict: Verdict, actor: str) -> ledger.Decision:
    """The ledger's row for a verdict."""
    return ledger.Decision(
        verdict=word,
        version=verdict.version,
        candidate=verdict.candidate,
        champion_before=verdict.champion_before,
        reasons=verdict.reasons + verdict.alarms,
        figures=verdict.figures,
        data=training_data(run_id),
        actor=actor,
        mlflow_run_id=run_id,
        decided_at=source_now(use_case),
    )


def _judge(use_case: UseCase, run_id: str, version: str, candidate: str, before: str | None) -> list[Rule]:
    rows = training_set(use_case, run_id)
    held = next(result for result in documents.holdouts(run_id) if result.candidate == candidate)
    inputs = inputs_from(ledger.known_model(use_case.name, version).inputs)
    model, held_out = fitted(run_id, candidate), rows.frame.iloc[rows.split.holdout]
    x = model_frame(held_out, inputs)
    ours, scored = probabilities(model, x), rows.holdout.scored
    found = [
        _fits(use_case, version, inputs),
        rules.enough_to_judge(use_case, scored),
        rules.ranks_better_than_chance(scored, held, use_case.model.metric),
        *_of_task(use_case, rows, held, model, x),
        reasons_add_up(use_case, model, inputs, held_out, ours),
    ]
    if before is not None:
        found += _against_champion(use_case, version, before, rows)
    return found


def _of_task(use_case: UseCase, rows: TrainingSet, held: Holdout, model: Model, x: pd.DataFrame) -> list[Rule]:
    """What is asked of two classes, or of bands; ``x`` are the holdout rows as the model takes them."""
    if not use_case.classes:
        return [
            rules.knows_more_than_base_rate(rows.train, rows.holdout, held),
            rules.calibrated(use_case, rows.holdout, probabilities(model, x)),
        ]
    answers = answered(model, replace(rows.holdout, x=x), rows.train.base_rate)
    naive = naive_figures(use_case, rows.frame.iloc[rows.split.holdout], rows.train.known_edges)
    return banded_rules(use_case, rows.train, rows.holdout, held, answers, naive)


def _fits(use_case: UseCase, version: str, inputs: tuple[ModelInput, ...]) -> Rule:
    try:
        check_contract(use_case, version, inputs)
    except ModelContractBroken as error:
        return Rule("fits_the_features", False, str(error), {"problems": list(error.problems)})
    return Rule("fits_the_features", True, f"all {len(inputs)} inputs are offered", {"inputs": len(inputs)})


def _against_champion(use_case: UseCase, version: str, before: str, rows: TrainingSet) -> list[Rule]:
    """On the holdout rows of those entities from which the champion has not learned; too few of them refuse."""
    try:
        load_version(use_case, before)
    except ModelContractBroken as error:
        # It cannot serve the features as they are now, so there is nothing to be worse than.
        return [Rule("not_worse_than_champion", True, str(error), {"champion_version": before, "compared": False})]
    judged = unlearned(use_case, rows, [before])
    holdout = judged.holdout
    enough = rules.enough_to_judge(use_case, holdout.scored)
    if not enough.holds:
        sentence = (
            f"champion {before} has learned from the entities of all but {len(holdout):,} of the {len(rows.holdout):,} "
            f"holdout rows, too few to compare on: {enough.figures['positives']:,} of them are positive, asked: "
            f"{enough.figures['least_rows']:,} with {enough.figures['least_positives']:,}"
        )
        figures = {**enough.figures, "champion_version": before, "compared": False}
        return [Rule("not_worse_than_champion", False, sentence, figures)]
    ours, theirs = judged.answers(use_case, version), judged.answers(use_case, before)
    return [
        rules.not_worse_than_champion(use_case, holdout, before, ours, theirs),
        *_slices(use_case, judged, ours, theirs),
    ]


def _slices(use_case: UseCase, judged: Unlearned, ours: Judged, theirs: Judged) -> list[Rule]:
    if not use_case.gate.slices:
        return []
    return [rules.no_slice_much_worse(use_case, judged.slices(use_case), judged.holdout, ours, theirs)]
