"""``ops.params``: which parameters a candidate is fitted with, where they come from, and the way back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import text

from leadmill.clock import source_now
from leadmill.registry import store
from leadmill.registry.ledger import as_json
from leadmill.spec import UseCase
from leadmill.storage.database import engine

_COLUMNS = "candidate, params, study, trial, figures, data_fingerprint, actor, reason, decided_at"
# With a training run: what its candidates were fitted with, fixed when it fits the first of them.
_FILE, _KEPT = "figures/parameters.json", "parameters_kept"


@dataclass(frozen=True)
class Tuned:
    """Parameters in place of a candidate's defaults (none: the defaults) and the trial of a study that found them."""

    params: dict[str, int | float | str] = field(default_factory=dict)
    study: str | None = None
    trial: int | None = None

    def __str__(self) -> str:
        return f"trial {self.trial} of the study {self.study}" if self.params else "the defaults"


@dataclass(frozen=True)
class Choice:
    """One row of ``ops.params``: from now on the candidate is fitted with ``params``; empty are the defaults."""

    candidate: str
    params: dict[str, int | float | str]
    study: str | None
    trial: int | None
    figures: dict[str, Any]
    data_fingerprint: str | None
    actor: str
    reason: str
    decided_at: datetime


def choices(use_case: str) -> list[Choice]:
    """Every decision about parameters of the use case of that name, newest first."""
    statement = f"SELECT {_COLUMNS} FROM ops.params WHERE use_case = :name ORDER BY params_id DESC"
    with engine().connect() as connection:
        return [Choice(**row._mapping) for row in connection.execute(text(statement), {"name": use_case})]


def in_force(use_case: str) -> dict[str, Tuned]:
    """What each candidate is fitted with now; one that is not there, with its defaults."""
    newest = {one.candidate: one for one in reversed(choices(use_case))}
    return {name: Tuned(one.params, one.study, one.trial) for name, one in newest.items() if one.params}


def record(use_case: UseCase, decided: Sequence[Choice]) -> None:
    """Store decisions, in one transaction."""
    with engine().begin() as connection:
        for one in decided:
            connection.execute(
                text(
                    f"INSERT INTO ops.params (use_case, {_COLUMNS}) VALUES (:use_case, :candidate, "
                    "CAST(:params AS jsonb), :study, :trial, CAST(:figures AS jsonb), :data_fingerprint, :actor, "
                    ":reason, :decided_at)"
                ),
                {
                    **vars(one),
                    "use_case": use_case.name,
                    "params": as_json(one.params),
                    "figures": as_json(one.figures),
                },
            )


def reset(use_case: UseCase, actor: str, reason: str) -> list[Choice]:
    """Back to the defaults, from the next training on; what was dropped stays readable. The candidates it concerned."""
    at = source_now(use_case)
    dropped = [Choice(name, {}, None, None, {}, None, actor, reason, at) for name in in_force(use_case.name)]
    record(use_case, dropped)
    return dropped


def kept_with(use_case: UseCase, run_id: str) -> Mapping[str, Tuned]:
    """What the run's candidates are fitted with: those in force at its first fit, also when it fits again."""
    if store.tag(run_id, _KEPT) is None:
        found = {name: tuned for name, tuned in in_force(use_case.name).items() if name in use_case.model.candidates}
        store.write_json(run_id, _FILE, {name: asdict(tuned) for name, tuned in found.items()})
        store.set_tags(run_id, **{_KEPT: "yes"})
    return TypeAdapter(dict[str, Tuned]).validate_python(store.read_json(run_id, _FILE))
