"""The published probabilities against those at promotion, and the shares of the bands."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, text

from leadmill import names
from leadmill.monitoring import comparison
from leadmill.monitoring.findings import Drift
from leadmill.registry.ledger import ModelRow
from leadmill.spec import UseCase

SUBJECT = "score"
_STEPS = 100


@dataclass(frozen=True)
class BandShare:
    """Entities of a band in the population that is scored now, their share, and the share that the spec promised."""

    band: str
    entities: int
    share: float
    promised: float


def score_drift(connection: Connection, use_case: UseCase, model: ModelRow, tests: int) -> Drift:
    """The champion's scores of the population as they are published now, against the quantiles frozen with it.

    The quantiles are the reference itself, not a sample of it, so the test is of one sample.
    """
    grid = np.asarray(model.percentiles or [], dtype=np.float64)
    cuts = np.unique(grid[:: max(1, (len(grid) - 1) // _STEPS)][1:-1])
    rows = connection.execute(
        text(
            "SELECT width_bucket(probability, CAST(:cuts AS float8[])) AS bin, count(*) AS n "
            f"FROM {_population(use_case)} GROUP BY 1"
        ),
        {"cuts": cuts.tolist(), "version": model.version},
    )
    recent = np.zeros(len(cuts) + 1)
    for bin_, n in rows:
        recent[bin_] = n
    entities, limits = int(recent.sum()), use_case.monitor
    expected = np.bincount(np.searchsorted(cuts, grid, side="right"), minlength=len(cuts) + 1).astype(np.float64)
    test = "kolmogorov_smirnov"
    if entities == 0:
        return Drift(SUBJECT, "score", test, 0, 0, False)
    found = comparison.numbers(recent, expected, entities, None)
    enough = entities >= limits.min_entities
    beyond = enough and found.psi > limits.score_psi and found.p_value < limits.p_value / tests
    return Drift(
        SUBJECT,
        "score",
        test,
        entities,
        entities,
        enough,
        psi=found.psi,
        statistic=found.statistic,
        p_value=found.p_value,
        alarms=("distribution",) if beyond else (),
    )


def band_shares(connection: Connection, use_case: UseCase, model: ModelRow) -> list[BandShare]:
    """Every band of the spec, best first, whether anybody is in it or not; empty before the first scoring."""
    rows = connection.execute(
        text(f"SELECT band, count(*) AS n FROM {_population(use_case)} GROUP BY band"), {"version": model.version}
    )
    counted = {row.band: int(row.n) for row in rows}
    total = sum(counted.values())
    edges = [0.0, *use_case.score.bands.values()]
    return [
        BandShare(band, counted.get(band, 0), counted.get(band, 0) / total, high - low)
        for band, low, high in zip(use_case.score.bands, edges[:-1], edges[1:], strict=True)
        if total
    ]


def _population(use_case: UseCase) -> str:
    return (
        f"(SELECT probability, band FROM {names.scores_table(use_case)} "
        "WHERE model_version = :version AND status <> 'closed') AS population"
    )
