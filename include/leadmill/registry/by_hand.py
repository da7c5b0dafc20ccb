"""What a person decides about the champion: put the previous one back, or choose a version."""

from collections.abc import Sequence
from datetime import UTC, datetime

from leadmill.clock import source_now
from leadmill.errors import NoChampion, NoPreviousChampion
from leadmill.registry import ledger
from leadmill.registry.champion import champion_version
from leadmill.registry.crown import crown
from leadmill.registry.ledger import Decision
from leadmill.registry.provenance import training_data
from leadmill.registry.store import database_said
from leadmill.spec import UseCase
from leadmill.storage.database import use_case_lock

NO_REASON = "no reason given"


def previous_champion(decisions: Sequence[Decision], serving: str) -> str | None:
    """Who was champion before ``serving`` became it; None where nobody was. ``decisions`` are newest first.

    Champions that were rolled back are no previous ones: rolling back twice goes two steps back.
    """
    line: list[str] = []
    for one in reversed(ledger.crownings(decisions, serving)):
        if one.verdict == "rolled_back" and one.version in line:
            del line[line.index(one.version) + 1 :]
        elif one.version not in line[-1:]:
            # A version that comes back is the newest champion again, and was none in between.
            line = [version for version in line if version != one.version] + [one.version]
    earlier = line[: line.index(serving)] if serving in line else line
    return earlier[-1] if earlier else None


def rollback(use_case: UseCase, actor: str, reason: str = NO_REASON) -> Decision:
    """Put the previous champion back, with the bands that were frozen with it; recorded with who and why.

    Raises NoChampion, NoPreviousChampion, and ModelContractBroken where it no longer fits the features.
    """
    with use_case_lock(f"{use_case.name}/promotion"):
        serving = champion_version(use_case)
        if serving is None:
            raise NoChampion(use_case.name)
        wanted = previous_champion(ledger.decisions(use_case.name), serving)
        if wanted is None:
            raise NoPreviousChampion(use_case.name, serving)
        return _crown(use_case, "rolled_back", wanted, serving, actor, reason)


@database_said()
def choose(use_case: UseCase, version: str, actor: str, reason: str = NO_REASON) -> Decision:
    """Make a registered version champion whatever the gate said of it; recorded with who, why and that verdict.

    Raises UnknownVersion, and ModelContractBroken where it does not fit the features.
    """
    with use_case_lock(f"{use_case.name}/promotion"):
        return _crown(use_case, "chosen", version, champion_version(use_case), actor, reason)


def _crown(use_case: UseCase, word: str, version: str, serving: str | None, actor: str, reason: str) -> Decision:
    row = ledger.known_model(use_case.name, version)
    judged = next((one for one in ledger.decisions(use_case.name) if one.version == version and one.figures), None)
    said = f"the gate's last word on version {version}: " + (
        f"{judged.verdict} ({'; '.join(judged.reasons)})" if judged else "none"
    )
    decision = Decision(
        verdict=word,
        version=version,
        candidate=row.candidate,
        champion_before=serving,
        reasons=(reason, said),
        figures={"metrics": row.metrics, "judged": judged.figures if judged else {}},
        data=training_data(row.mlflow_run_id),
        actor=actor,
        mlflow_run_id=row.mlflow_run_id,
        decided_at=source_now(use_case),
    )
    # Each act of a person is one of its own.
    crown(use_case, f"{word} by hand:{use_case.name}/{version}:{datetime.now(UTC).isoformat()}", decision)
    return decision
