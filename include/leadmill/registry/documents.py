"""Typed results in and out of a run's JSON artifacts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from leadmill.registry import store
from leadmill.training.results import CrossValidation, Holdout

CROSS_VALIDATION = "figures/cross_validation.json"
HOLDOUT = "figures/holdout.json"
IMPORTANCE = "figures/importance.json"
COEFFICIENTS = "figures/coefficients.json"
REPEATED = "figures/repeated.json"
VERDICT = "figures/verdict.json"


@dataclass(frozen=True)
class Verdict:
    """What the gate decided: ``reasons`` say why, ``figures`` on what, ``alarms`` what a person should look at."""

    passed: bool
    version: str
    candidate: str
    champion_before: str | None
    reasons: tuple[str, ...]
    alarms: tuple[str, ...]
    figures: dict[str, Any]

    def comparison(self) -> str:
        """What was asked and found, in Markdown for the person who decides."""
        champion = f"champion {self.champion_before}" if self.champion_before else "no champion yet"
        lines = [f"Version **{self.version}** ({self.candidate}) against {champion}.", ""]
        lines += [f"- {sentence}" for sentence in (*self.reasons, *(f"**{alarm}**" for alarm in self.alarms))]
        compared = self.figures.get("not_worse_than_champion", {})
        if "challenger" in compared:
            lines += ["", "| on the same newest rows | challenger | champion |", "|---|---|---|"]
            ours, theirs = compared["challenger"], compared["champion"]
            lines += [f"| {name} | {value:.4f} | {theirs[name]:.4f} |" for name, value in ours.items()]
        return "\n".join(lines)


def write(run_id: str, name: str, results: Sequence[Any]) -> None:
    """Store a list of dataclasses as JSON."""
    store.write_json(run_id, name, [asdict(item) for item in results])


def cross_validations(run_id: str) -> list[CrossValidation]:
    """What ``fit`` found."""
    return TypeAdapter(list[CrossValidation]).validate_python(store.read_json(run_id, CROSS_VALIDATION))


def holdouts(run_id: str) -> list[Holdout]:
    """What ``evaluate`` found."""
    return TypeAdapter(list[Holdout]).validate_python(store.read_json(run_id, HOLDOUT))


def verdict(run_id: str) -> Verdict:
    """What ``gate`` decided."""
    return TypeAdapter(Verdict).validate_python(store.read_json(run_id, VERDICT))
