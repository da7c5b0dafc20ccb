"""Last task: the challenger becomes champion, or a person has said no."""

from dataclasses import asdict, dataclass, replace

from leadmill.errors import PromotionRefused
from leadmill.registry import documents, ledger, store
from leadmill.registry.champion import champion_version
from leadmill.registry.crown import crown
from leadmill.registry.documents import Verdict
from leadmill.registry.gate import decision
from leadmill.spec import UseCase
from leadmill.storage.database import engine, use_case_lock


@dataclass(frozen=True)
class Promotion:
    """Who serves now, who served before, and the lowest probability of each band."""

    version: str
    candidate: str
    champion_before: str | None
    bands: dict[str, float]


@store.ends_failed
def promote(use_case: UseCase, run_id: str, actor: str, approval: str | None = None) -> Promotion:
    """Make the version that ``gate`` passed the champion: freeze its bands, write the ledger, then set the alias.

    ``approval`` says who allowed it, where a person was asked; ``actor`` is the run or person that acts. One promotion
    of a use case at a time. Promoting again completes what is left to do. Raises PromotionRefused when the gate
    refused, or, recorded here, when another champion came in between or this promotion was undone since.
    """
    verdict = documents.verdict(run_id)
    if not verdict.passed:
        raise PromotionRefused(use_case.name, verdict.version, verdict.reasons)
    with use_case_lock(f"{use_case.name}/promotion"):
        _check_still_current(use_case, run_id, verdict, actor)
        agreed = replace(verdict, reasons=((approval,) if approval else ()) + verdict.reasons)
        kept = crown(use_case, f"promote:{run_id}", decision(use_case, run_id, "promoted", agreed, actor))
    store.set_tags(run_id, verdict="promoted")
    store.client().set_terminated(run_id)
    return Promotion(verdict.version, verdict.candidate, verdict.champion_before, kept.bands)


@store.ends_failed
def reject(use_case: UseCase, run_id: str, actor: str, why: str) -> None:
    """Record that what the gate passed may not serve after all; promoting it later is refused for the same reason."""
    verdict = documents.verdict(run_id)
    rejected = replace(verdict, passed=False, reasons=(why, *verdict.reasons))
    store.write_json(run_id, documents.VERDICT, asdict(rejected))
    _refuse(use_case, run_id, f"reject against {verdict.champion_before}:{run_id}", rejected, actor)


def _check_still_current(use_case: UseCase, run_id: str, verdict: Verdict, actor: str) -> None:
    """Record and raise a refusal unless the champion is the one that the gate compared with.

    A promotion that is in the ledger and was followed by another crowning is over: who cleared the task of an old run
    would undo a rollback.
    """
    serving = champion_version(use_case)
    if serving == verdict.version:
        return
    crowned = [one for one in ledger.decisions(use_case.name) if one.verdict in ledger.CROWNING]
    done = [one.mlflow_run_id == run_id and one.verdict == "promoted" for one in crowned]
    if any(done[1:]) and not done[0]:
        why = (
            f"it was promoted before, and {crowned[0].actor} made {crowned[0].version} champion since; "
            f"./leadmill model choose {use_case.name} {verdict.version} puts it back"
        )
    elif serving == verdict.champion_before:
        return
    else:
        why = f"it was judged against champion {verdict.champion_before}, but {serving} serves now; run the gate again"
    overtaken = replace(verdict, champion_before=serving, reasons=(why,))
    _refuse(use_case, run_id, f"promote against {serving}:{run_id}", overtaken, actor)
    raise PromotionRefused(use_case.name, verdict.version, [why])


def _refuse(use_case: UseCase, run_id: str, act: str, verdict: Verdict, actor: str) -> None:
    refusal = decision(use_case, run_id, "refused", verdict, actor)
    with engine().begin() as connection:
        ledger.record_decision(connection, use_case.name, act, refusal)
    store.set_tags(run_id, verdict="refused")
    store.client().set_terminated(run_id)
