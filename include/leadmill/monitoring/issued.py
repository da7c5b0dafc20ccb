"""Scores as they were issued, joined with what is known now: one row per entity."""

from datetime import timedelta

from leadmill import names
from leadmill.features.closed import closed_sql
from leadmill.monitoring.banded import ISSUED, came_true_sql
from leadmill.spec import UseCase

WINDOWS = (30, 90)
"""Trailing windows in days."""
_NO_TIME = timedelta(0)


def first_scores_sql(use_case: UseCase) -> str:
    """SQL of each entity's first score issued in (``:since``, ``:until``]: key, probability, band, scored_at, version,
    and of a use case that predicts bands those of ``banded.ISSUED``.

    The first, because the choice may not depend on how things went: the last score of a lead that was won is a high
    one. So every entity counts once, and a well calibrated model looks well calibrated.
    """
    key = use_case.entity.key
    further = "".join(f", {name}" for name in (ISSUED if use_case.classes else ()))
    return (
        f"SELECT DISTINCT ON ({key}) {key}, probability, band, scored_at, model_version{further} "
        f"FROM {names.history_table(use_case)} WHERE scored_at > :since AND scored_at <= :until "
        f"ORDER BY {key}, scored_at, feature_timestamp, run_id"
    )


def judged_scores_sql(use_case: UseCase) -> str:
    """SQL of those first scores whose outcome is known: the same columns and ``positive`` (0 or 1).

    With a horizon as in training: positive is who had a positive outcome within the horizon after the score; who had
    closed by then, whenever that was recorded, or closed without an outcome within it (was deleted), is left out.
    Where labels are known at load, the newest outcome counts, of entities that had none when the score was issued: one
    that is recorded again has been learned from. Of a use case that predicts bands, positive is the last of them;
    ``value`` and ``code`` are the sum that came true and the number of its band.
    """
    key, labels, horizon = use_case.entity.key, names.labels_table(use_case), use_case.label.horizon
    issued = first_scores_sql(use_case)
    if horizon is None:
        return (
            f"SELECT s.*, l.label\\:\\:int AS positive FROM ({issued}) AS s "
            f"JOIN LATERAL (SELECT label FROM {labels} AS l "
            f"WHERE l.{key} = s.{key} AND l.known_at > s.scored_at AND l.label IS NOT NULL "
            "ORDER BY l.known_at DESC LIMIT 1) AS l ON true "
            f"WHERE NOT EXISTS (SELECT FROM {labels} AS b WHERE b.{key} = s.{key} AND b.known_at <= s.scored_at "
            "AND b.label IS NOT NULL)"
        )
    within = (
        f"l.{key} = s.{key} AND l.occurred_at > s.scored_at "
        f"AND l.occurred_at <= s.scored_at + interval '{horizon.total_seconds():.0f} seconds'"
    )
    closed_by_then = (
        f"coalesce((SELECT l.closed FROM {labels} AS l WHERE l.{key} = s.{key} AND l.occurred_at <= s.scored_at "
        "ORDER BY l.occurred_at DESC LIMIT 1), false)"
    )
    if use_case.classes:
        return (
            f"SELECT * FROM (SELECT s.*, v.value, t.code, t.positive, EXISTS (SELECT FROM {labels} AS l WHERE {within} "
            f"AND l.closed AND l.label IS NULL) AS censored FROM ({issued}) AS s {came_true_sql(use_case, within)} "
            f"WHERE NOT {closed_by_then} AND NOT {closed_sql(use_case, f's.{key}', 's.scored_at')}) AS judged "
            "WHERE NOT censored"
        )
    return (
        f"SELECT * FROM (SELECT s.*, (EXISTS (SELECT FROM {labels} AS l WHERE {within} AND l.label = 1))\\:\\:int "
        f"AS positive, EXISTS (SELECT FROM {labels} AS l WHERE {within} AND l.closed AND l.label IS NULL) AS censored "
        f"FROM ({issued}) AS s WHERE NOT {closed_by_then} AND NOT {closed_sql(use_case, f's.{key}', 's.scored_at')}) "
        "AS judged WHERE positive = 1 OR NOT censored"
    )


def matured_after(use_case: UseCase) -> timedelta:
    """From a score until its outcome is certain."""
    return use_case.label.matures_after if use_case.label.horizon is not None else _NO_TIME
