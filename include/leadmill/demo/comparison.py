"""The champion beside the oracle: how much of what could be known it has learned."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadmill.demo import warehouse
from leadmill.demo.champions import judged_champion
from leadmill.demo.crm import oracle
from leadmill.spec import UseCase
from leadmill.training.bootstrap import RESAMPLES, difference, intervals
from leadmill.training.candidates import SEED
from leadmill.training.metrics import Predictions
from leadmill.training.predict import probabilities
from leadmill.training.results import Estimate

DECILES = 10


@dataclass(frozen=True)
class Comparison:
    """ROC AUC of champion and oracle on the same holdout rows, the oracle's lead with its paired 95 % interval.

    ``off_by_decile`` is the mean of score less truth in each tenth of the rows by score, lowest first, each with its
    95 % interval. ``rows`` leaves out the ``unanswered`` ones: leads that were lost and reopened.
    """

    rows: int
    unanswered: int
    champion: Estimate
    oracle: Estimate
    oracle_ahead: Estimate
    off_by_decile: tuple[Estimate, ...]

    @property
    def sentence(self) -> str:
        """In one line."""
        ahead, worst = self.oracle_ahead, max((one.value for one in self.off_by_decile), key=abs)
        return (
            f"ROC AUC {self.oracle.value:.3f} on the {self.rows:,} newest rows, the champion "
            f"{self.champion.value:.3f}: {ahead.value:.3f} behind ({ahead.low:.3f} to {ahead.high:.3f}); by tenth of "
            f"the scores at most {worst:+.3f} off the true probability"
        )


def compare(use_case: UseCase) -> Comparison:
    """Ask the oracle about the holdout rows of the champion. Needs a champion, and the CRM it learned from."""
    known, key = judged_champion(use_case), use_case.entity.key
    rows = known.rows
    held = known.asked.assign(champion=probabilities(known.champion.model, rows.holdout.x))
    with warehouse.warehouse_engine().connect() as connection:
        truth = oracle.probabilities(connection, held[key], held["as_of"]).rename(columns={"lead_id": key})
    both = held.merge(truth, on=[key, "as_of"], how="left")
    answered = np.flatnonzero(both["probability"].notna().to_numpy())
    kept, judged = both.iloc[answered], rows.holdout.take(answered)
    champion = Predictions(judged.y, kept["champion"].to_numpy(), rows.train.base_rate)
    best = Predictions(judged.y, kept["probability"].to_numpy(), rows.train.base_rate)
    sample = (judged.weight, judged.groups)
    return Comparison(
        rows=len(kept),
        unanswered=len(both) - len(kept),
        champion=intervals(champion, *sample)["roc_auc"],
        oracle=intervals(best, *sample)["roc_auc"],
        oracle_ahead=difference("roc_auc", best, champion, *sample),
        off_by_decile=off_by_decile(kept["champion"], kept["probability"], kept[key]),
    )


def off_by_decile(
    score: "pd.Series[float]", truth: "pd.Series[float]", leads: "pd.Series[Any]"
) -> tuple[Estimate, ...]:
    """Mean of ``score`` less mean of ``truth`` in each tenth of the rows by ``score``, lowest first.

    With 95 % percentile intervals: whole leads are drawn, and the tenths formed anew, RESAMPLES times.

    >>> found = off_by_decile(pd.Series([0.1, 0.2] * 10), pd.Series([0.1, 0.1] * 10), pd.Series(range(20)))
    >>> round(found[-1].value, 6), found[0].value
    (0.1, 0.0)
    """
    order = np.argsort(score.to_numpy(), kind="stable")
    off = (score.to_numpy(dtype=np.float64) - truth.to_numpy(dtype=np.float64))[order]
    lead = pd.factorize(leads)[0][order]
    number = int(lead.max()) + 1
    random = np.random.default_rng(SEED)
    drawn = [
        _means_by_decile(off, np.bincount(random.integers(0, number, number), minlength=number)[lead])
        for _ in range(RESAMPLES)
    ]
    low, high = np.nanpercentile(drawn, (2.5, 97.5), axis=0)
    value = _means_by_decile(off, np.ones(len(off), dtype=np.int64))
    return tuple(Estimate(*map(float, figures)) for figures in zip(value, low, high, strict=True))


def _means_by_decile(off: NDArray[np.float64], times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Means in the tenths of rows in the order of the score, each row counted ``times``; NaN in an empty tenth."""
    before = np.cumsum(times) - times
    tenth = np.minimum(before * DECILES // max(int(times.sum()), 1), DECILES - 1)
    counted = np.bincount(tenth, weights=times, minlength=DECILES)
    with np.errstate(invalid="ignore"):
        means: NDArray[np.float64] = np.bincount(tenth, weights=off * times, minlength=DECILES) / counted
    return means
