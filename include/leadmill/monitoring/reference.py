"""The training data of a model version as bins and counts: counted once, kept in ``ops.drift_reference``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from leadmill.columns import Column
from leadmill.monitoring import profile
from leadmill.monitoring.profile import Bins, Profile
from leadmill.monitoring.rows import parts, training_rows_sql
from leadmill.registry.ledger import known_model
from leadmill.spec import UseCase


@dataclass(frozen=True)
class Reference:
    """One feature in the training data of a version; ``entities`` are distinct ones."""

    bins: Bins
    profile: Profile
    entities: int


def watched(use_case: UseCase, version: str) -> tuple[Column, ...]:
    """The declared features that the version takes as inputs."""
    inputs = {item["feature"] for item in known_model(use_case.name, version).inputs}
    return tuple(column for column in use_case.feature_columns if column.name in inputs)


def references(connection: Connection, use_case: UseCase, version: str) -> dict[str, Reference]:
    """Every watched feature of the version; counted now where that was not done yet.

    The training rows are those known when the version was registered, holdout included.
    """
    if not _stored(connection, use_case, version):
        _count(connection, use_case, version)
    return _stored(connection, use_case, version)


def _stored(connection: Connection, use_case: UseCase, version: str) -> dict[str, Reference]:
    rows = connection.execute(
        text(
            "SELECT subject, cuts, levels, counts, missing, entities FROM ops.drift_reference "
            "WHERE use_case = :name AND model_version = :version"
        ),
        {"name": use_case.name, "version": version},
    )
    return {
        row.subject: Reference(
            Bins(None if row.cuts is None else tuple(row.cuts), None if row.levels is None else tuple(row.levels)),
            Profile({int(age): tuple(n) for age, n in row.counts.items()}, {int(a): n for a, n in row.missing.items()}),
            row.entities,
        )
        for row in rows
    }


def _count(connection: Connection, use_case: UseCase, version: str) -> None:
    cutoff = known_model(use_case.name, version).created_at
    rows = training_rows_sql(use_case, cutoff, parts(connection, use_case, None, cutoff))
    _, entities = profile.hold(connection, rows, {}, use_case)
    for column in watched(use_case, version):
        bins = profile.bins_of(connection, column)
        found = profile.profile(connection, column, bins)
        connection.execute(text(_INSERT), _row(use_case, version, column, Reference(bins, found, entities), cutoff))


_INSERT = (
    "INSERT INTO ops.drift_reference (use_case, model_version, subject, kind, cuts, levels, counts, missing, entities, "
    "cutoff) VALUES (:name, :version, :subject, :kind, CAST(:cuts AS float8[]), CAST(:levels AS text[]), "
    "CAST(:counts AS jsonb), CAST(:missing AS jsonb), :entities, :cutoff) ON CONFLICT DO NOTHING"
)


def _row(use_case: UseCase, version: str, column: Column, found: Reference, cutoff: datetime) -> Mapping[str, Any]:
    bins = found.bins
    return {
        "name": use_case.name,
        "version": version,
        "subject": column.name,
        "kind": "category" if bins.cuts is None else "number",
        "cuts": None if bins.cuts is None else list(bins.cuts),
        "levels": None if bins.levels is None else list(bins.levels),
        "counts": json.dumps(found.profile.counts),
        "missing": json.dumps(found.profile.missing),
        "entities": found.entities,
        "cutoff": cutoff,
    }
