"""``ops.models`` and ``ops.promotions``: which versions there are and what was decided about each."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from leadmill.errors import UnknownVersion
from leadmill.registry.bands import Frozen
from leadmill.storage.database import engine

_MODEL = (
    "use_case, version, mlflow_run_id, candidate, created_at, training_rows, positives, data_fingerprint, "
    "spec_version, training_set, inputs, metrics, parameters, classes, decision, bands, "
    "percentiles, population, frozen_at"
)
# Candidate of a version that was trained elsewhere.
EXTERNAL = "external"
# Verdicts that make a version the champion.
CROWNING = ("promoted", "chosen", "rolled_back")
_DECISION = "verdict, version, candidate, champion_before, reasons, figures, data, actor, mlflow_run_id, decided_at"


@dataclass(frozen=True)
class ModelRow:
    """One row of ``ops.models``; ``bands``, ``percentiles`` and ``frozen_at`` are None before promotion.

    ``training_set`` is the id of the rows that it was trained and judged on. ``parameters`` are those that a study
    found, with its name and trial; None are the candidate's defaults. ``classes`` are the bands of a number that it
    predicts, lowest first, each with its edges. ``decision`` is a ``registry.findings.Kept`` as a
    mapping, None where the spec declared none.
    """

    use_case: str
    version: str
    mlflow_run_id: str
    candidate: str
    created_at: datetime
    training_rows: int
    positives: int
    data_fingerprint: str
    spec_version: str
    inputs: list[dict[str, Any]]
    metrics: dict[str, Any]
    training_set: str | None = None
    parameters: dict[str, Any] | None = None
    classes: list[dict[str, Any]] | None = None
    decision: dict[str, Any] | None = None
    bands: list[dict[str, Any]] | None = None
    percentiles: list[float] | None = None
    population: str | None = None
    frozen_at: datetime | None = None


@dataclass(frozen=True)
class Decision:
    """One row of ``ops.promotions``: what was decided, of which version, when, by whom, why, on which data and figures.

    ``verdict`` is promoted, refused, held, chosen or rolled_back.
    """

    verdict: str
    version: str
    candidate: str
    champion_before: str | None
    reasons: tuple[str, ...]
    figures: dict[str, Any]
    data: dict[str, Any]
    actor: str
    mlflow_run_id: str
    decided_at: datetime


def record_model(row: ModelRow) -> None:
    """Store a registered version; storing it again refreshes what the training found and touches nothing frozen."""
    with engine().begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ops.models (use_case, version, mlflow_run_id, candidate, created_at, training_rows, "
                "positives, data_fingerprint, spec_version, training_set, inputs, metrics, parameters, classes) VALUES "
                "(:use_case, :version, :mlflow_run_id, :candidate, :created_at, :training_rows, :positives, "
                ":data_fingerprint, :spec_version, :training_set, CAST(:inputs AS jsonb), CAST(:metrics AS jsonb), "
                "CAST(:parameters AS jsonb), CAST(:classes AS jsonb)) "
                "ON CONFLICT (use_case, version) DO UPDATE SET metrics = excluded.metrics"
            ),
            {
                **vars(row),
                "inputs": as_json(row.inputs),
                "metrics": as_json(row.metrics),
                "parameters": row.parameters and as_json(row.parameters),
                "classes": row.classes and as_json(row.classes),
            },
        )


def add_findings(use_case: str, version: str, decision: object, metrics: Mapping[str, Any]) -> None:
    """Store with a version how it decides (None: it does not), and further figures beside its metrics."""
    with engine().begin() as connection:
        connection.execute(
            text(
                "UPDATE ops.models SET decision = CAST(:decision AS jsonb), metrics = metrics || CAST(:more AS jsonb) "
                "WHERE use_case = :name AND version = :version"
            ),
            {
                "name": use_case,
                "version": version,
                "decision": decision and as_json(decision),
                "more": as_json(metrics),
            },
        )


def models(use_case: str) -> list[ModelRow]:
    """Every version of the use case of that name, newest first."""
    statement = f"SELECT {_MODEL} FROM ops.models WHERE use_case = :name ORDER BY version::int DESC"
    with engine().connect() as connection:
        return [ModelRow(**row._mapping) for row in connection.execute(text(statement), {"name": use_case})]


def model(use_case: str, version: str) -> ModelRow | None:
    """One version, or None."""
    statement = f"SELECT {_MODEL} FROM ops.models WHERE use_case = :name AND version = :version"
    with engine().connect() as connection:
        row = connection.execute(text(statement), {"name": use_case, "version": version}).one_or_none()
    return None if row is None else ModelRow(**row._mapping)


def known_model(use_case: str, version: str) -> ModelRow:
    """One version. Raises UnknownVersion."""
    known = models(use_case)
    for row in known:
        if row.version == version:
            return row
    raise UnknownVersion(use_case, version, [row.version for row in known])


def freeze(connection: Connection, use_case: str, version: str, cuts: Frozen, at: datetime) -> None:
    """Store cut-offs with the version unless it has some: what was frozen stays."""
    connection.execute(
        text(
            "UPDATE ops.models SET bands = CAST(:bands AS jsonb), percentiles = CAST(:percentiles AS jsonb), "
            "population = :population, frozen_at = :at "
            "WHERE use_case = :name AND version = :version AND bands IS NULL"
        ),
        {
            "bands": as_json([{"band": band, "from": cut} for band, cut in cuts.bands.items()]),
            "percentiles": as_json(cuts.percentiles),
            "population": cuts.population,
            "at": at,
            "name": use_case,
            "version": version,
        },
    )


def record_decision(connection: Connection, use_case: str, act: str, decision: Decision) -> None:
    """Store a decision once; ``act`` names the act of deciding."""
    connection.execute(
        text(
            "INSERT INTO ops.promotions (decision, use_case, verdict, version, candidate, champion_before, reasons, "
            "figures, data, actor, mlflow_run_id, decided_at) VALUES (:act, :use_case, :verdict, :version, "
            ":candidate, :champion_before, CAST(:reasons AS jsonb), CAST(:figures AS jsonb), CAST(:data AS jsonb), "
            ":actor, :mlflow_run_id, :decided_at) "
            "ON CONFLICT (decision) DO NOTHING"
        ),
        {
            **vars(decision),
            "act": act,
            "use_case": use_case,
            "reasons": as_json(decision.reasons),
            "figures": as_json(decision.figures),
            "data": as_json(decision.data),
        },
    )


def decisions(use_case: str) -> list[Decision]:
    """Every decision about models of the use case of that name, newest first."""
    statement = (
        f"SELECT {_DECISION} FROM ops.promotions WHERE use_case = :name ORDER BY decided_at DESC, promotion_id DESC"
    )
    with engine().connect() as connection:
        rows = connection.execute(text(statement), {"name": use_case})
        return [Decision(**{**row._mapping, "reasons": tuple(row.reasons)}) for row in rows]


def crownings(decided: Sequence[Decision], serving: str | None) -> list[Decision]:
    """The decisions that made a champion, newest first as ``decided`` are; ``serving`` is who is champion now.

    The ledger is written before the alias moves, so who was killed in between left a row for what never happened:
    the next decision then names another champion before it, and that row is left out.
    """
    rest, found = [one for one in decided if one.verdict in CROWNING], []
    while rest and serving is not None:
        # Where nobody in the ledger made it champion, the alias was moved by other means: all that is left counts.
        at = next((place for place, one in enumerate(rest) if one.version == serving), 0)
        found.append(rest[at])
        serving, rest = rest[at].champion_before, rest[at + 1 :]
    return found


def as_json(value: object) -> str:
    """JSON that Postgres takes: a figure that could not be computed becomes null."""
    return json.dumps(_finite(value))


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
