"""Predicted bands and values as they were issued against what came true; of use cases that predict bands."""

import numpy as np
from sqlalchemy import Connection, text

from leadmill import names
from leadmill.monitoring import intervals
from leadmill.spec import UseCase
from leadmill.training.banded_metrics import COVERAGE, COVERAGE_OFF, BandPredictions
from leadmill.training.metrics import point

ISSUED = ("predicted_class", "probabilities", "predicted_value", "predicted_low", "predicted_high")
"""Columns of a score beside those that every score has."""
FIGURES = ("accuracy", "macro_f1", "weighted_kappa", "class_log_loss", "wape", "coverage")


def came_true_sql(use_case: UseCase, within: str) -> str:
    """SQL to join to a score ``s``: ``value``, the sum of its outcomes ``within``, and its ``code`` by the edges of
    the version that issued the score, the lowest band 0; ``positive`` where that is the last band.

    Of several records of one time the newest counts.
    """
    labels = names.labels_table(use_case)
    edge = "(c ->> 'from')\\:\\:float8"
    return (
        f"JOIN ops.models AS m ON m.use_case = '{use_case.name}' AND m.version = s.model_version "
        "AND m.classes IS NOT NULL "
        "CROSS JOIN LATERAL (SELECT coalesce(sum(one.label), 0)\\:\\:float8 AS value FROM (SELECT DISTINCT ON "
        f"(l.occurred_at) l.label FROM {labels} AS l WHERE {within} ORDER BY l.occurred_at, l.known_at DESC) AS one) "
        "AS v CROSS JOIN LATERAL (SELECT greatest(count(*) FILTER "
        f"(WHERE {edge} <= v.value) - 1, 0)\\:\\:int AS code, "
        f"(v.value >= max({edge}))\\:\\:int AS positive FROM jsonb_array_elements(m.classes) AS c) AS t"
    )


def banded_figures(connection: Connection, use_case: UseCase, relation: str) -> dict[str, float]:
    """FIGURES of the judged scores in ``relation``; empty where there are none.

    Versions with classes of other names than those of the spec are left out.
    """
    rows = connection.execute(
        text(
            f"SELECT code, value, probabilities, predicted_value, predicted_low, predicted_high FROM {relation} "
            "WHERE probabilities ?& CAST(:names AS text[])"
        ),
        {"names": list(use_case.classes)},
    ).all()
    if not rows:
        return {}
    found = point(
        BandPredictions(
            np.array([row.code for row in rows], dtype=np.int64),
            np.array([[row.probabilities[name] for name in use_case.classes] for row in rows], dtype=np.float64),
            np.array([row.value for row in rows], dtype=np.float64),
            np.array([row[3:] for row in rows], dtype=np.float64),
        ),
        np.ones(len(rows)),
    )
    return {name: found["log_loss" if name == "class_log_loss" else name] for name in FIGURES}


def intervals_off(coverage: float | None, entities: int) -> bool:
    """Whether the share of truths in their intervals is surely further off than it may be."""
    ends = None if coverage is None else intervals.share(coverage * entities, entities)
    return ends is not None and (ends[1] < COVERAGE - COVERAGE_OFF or ends[0] > COVERAGE + COVERAGE_OFF)
