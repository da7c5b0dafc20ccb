"""How well probabilities order and state what came true, counted in SQL over a relation with both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

TOP_SHARE = 0.1
_TINY = 1e-15


@dataclass(frozen=True)
class Ranking:
    """Of ``n`` rows with ``positives``; None where a class is absent. ``top`` are the positives in the best tenth."""

    n: int
    positives: int
    roc_auc: float | None
    pr_auc: float | None
    top: float | None

    @property
    def lift(self) -> float | None:
        """Rate of positives in the best tenth over the rate in all."""
        return None if self.top is None else self.top / (TOP_SHARE * self.positives)


@dataclass(frozen=True)
class Probabilities:
    """Means over the rows; ``gap`` is probability less outcome, with its standard deviation."""

    mean: float
    gap: float
    gap_deviation: float | None
    brier: float
    log_loss: float


@dataclass(frozen=True)
class Tenth:
    """A tenth of the rows by probability, highest first."""

    entities: int
    mean_probability: float
    conversion: float


def ranking(connection: Connection, relation: str, values: Mapping[str, Any] | None = None) -> Ranking:
    """Of ``relation`` with ``probability`` and ``positive`` (0 or 1); ties count half, as in ``training.metrics``.

    Area under the ROC curve as the Mann-Whitney statistic; area under the precision-recall curve as average precision;
    ties at the edge of the best tenth count with the share of them that fits.
    """
    row = connection.execute(
        text(
            f"WITH step AS (SELECT probability, count(*) AS n, sum(positive) AS pos FROM {relation} GROUP BY 1), "
            "summed AS (SELECT n, pos, sum(n) OVER best AS flagged, sum(pos) OVER best AS hits, "
            "sum(n) OVER () AS total, sum(pos) OVER () AS positives FROM step "
            "WINDOW best AS (ORDER BY probability DESC)) "
            "SELECT coalesce(max(total), 0)\\:\\:bigint AS n, coalesce(max(positives), 0)\\:\\:bigint AS positives, "
            "(sum((n - pos) * (hits - pos / 2.0)) / nullif(max(positives * (total - positives)), 0))\\:\\:float8 "
            "AS roc_auc, "
            "(sum(pos * hits\\:\\:float8 / flagged) / nullif(max(positives), 0))\\:\\:float8 AS pr_auc, "
            "sum(pos\\:\\:float8 * greatest(least(1, (:top * total - (flagged - n)) / n), 0)) AS top FROM summed"
        ),
        {"top": TOP_SHARE, **(values or {})},
    ).one()
    both = 0 < row.positives < row.n
    return Ranking(
        row.n,
        row.positives,
        row.roc_auc if both else None,
        row.pr_auc if both else None,
        row.top if row.positives else None,
    )


def probabilities(connection: Connection, relation: str) -> Probabilities | None:
    """Of the same relation; None where it is empty."""
    row = connection.execute(
        text(
            "SELECT count(*) AS n, avg(probability) AS mean, avg(probability - positive) AS gap, "
            "stddev_samp(probability - positive) AS gap_deviation, avg((probability - positive) ^ 2) AS brier, "
            "-avg(CASE positive WHEN 1 THEN ln(p) ELSE ln(1 - p) END) AS log_loss FROM "
            f"(SELECT *, least(greatest(probability, :tiny), 1 - :tiny) AS p FROM {relation}) AS r"
        ),
        {"tiny": _TINY},
    ).one()
    return Probabilities(row.mean, row.gap, row.gap_deviation, row.brier, row.log_loss) if row.n else None


def tenths(connection: Connection, relation: str, key: str) -> list[Tenth]:
    """Ten parts of equal size by probability, highest first; ties are split in the order of ``key``."""
    rows = connection.execute(
        text(
            "SELECT count(*) AS entities, avg(probability) AS mean_probability, "
            "avg(positive)\\:\\:float8 AS conversion FROM "
            f"(SELECT *, ntile(10) OVER (ORDER BY probability DESC, {key}) AS tenth FROM {relation}) AS r "
            "GROUP BY tenth ORDER BY tenth"
        )
    )
    return [Tenth(**row._mapping) for row in rows]


def calibration_error(parts: list[Tenth]) -> float | None:
    """Expected calibration error: mean over the rows of the distance between a tenth's probability and conversion.

    Naeini, Cooper and Hauskrecht (2015), with bins of equal size. None of nothing.
    """
    n = sum(part.entities for part in parts)
    distance = sum(part.entities * abs(part.mean_probability - part.conversion) for part in parts)
    return distance / n if n else None
