"""The champion beside the oracle of the merchants: how much of what could be known it has learned."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from leadmill.demo import warehouse
from leadmill.demo.champions import judged_champion
from leadmill.demo.tpv.oracle import outlook
from leadmill.spec import UseCase
from leadmill.training.answers import answered
from leadmill.training.banded_metrics import BandPredictions
from leadmill.training.bootstrap import intervals
from leadmill.training.candidates import SEED
from leadmill.training.results import Estimate

ASKED = 1_000
"""Of more holdout rows so many are drawn: each answer of the oracle costs many drawn months."""
_SHARES = (0.5, 0.1, 0.9)


@dataclass(frozen=True)
class OutlookComparison:
    """Figures of champion and oracle on the same ``rows`` of the holdout, with 95 % intervals.

    The oracle knows each merchant's true state, so nothing could say more. ``coverage`` is the share of truths in the
    champion's intervals.
    """

    rows: int
    champion_f1: Estimate
    oracle_f1: Estimate
    champion_wape: Estimate
    oracle_wape: Estimate
    coverage: Estimate

    @property
    def sentence(self) -> str:
        """In one line."""
        return (
            f"macro F1 {self.oracle_f1.value:.3f} on {self.rows:,} of the newest rows, the champion "
            f"{self.champion_f1.value:.3f} ({self.champion_f1.low:.3f} to {self.champion_f1.high:.3f}); "
            f"WAPE {self.oracle_wape.value:.3f}, the champion {self.champion_wape.value:.3f}"
        )


def compare(use_case: UseCase) -> OutlookComparison:
    """Ask the oracle about holdout rows of the champion. Needs a champion, and the acquirer that it learned from."""
    judged_by = judged_champion(use_case)
    rows, champion = judged_by.rows, judged_by.champion
    chosen = np.arange(len(rows.holdout))
    if len(chosen) > ASKED:
        chosen = np.sort(np.random.default_rng(SEED).choice(chosen, ASKED, replace=False))
    asked = judged_by.asked.iloc[chosen].reset_index(drop=True)
    with warehouse.warehouse_engine().connect() as connection:
        found = outlook(connection, asked[use_case.entity.key], asked["as_of"])
    known = pd.MultiIndex.from_frame(found.asked)
    answers = pd.MultiIndex.from_frame(asked).get_indexer_for(known)
    judged = rows.holdout.take(chosen[answers])
    mine = answered(champion.model, judged.restricted(champion.inputs), rows.train.base_rate)
    edges = judged.known_edges
    best = BandPredictions(judged.y, found.band_probabilities(edges.inner), judged.value, found.quantiles(_SHARES))
    sample = (judged.weight, judged.groups)
    of_champion, of_oracle = intervals(mine, *sample), intervals(best, *sample)
    return OutlookComparison(
        rows=len(judged.y),
        champion_f1=of_champion["macro_f1"],
        oracle_f1=of_oracle["macro_f1"],
        champion_wape=of_champion["wape"],
        oracle_wape=of_oracle["wape"],
        coverage=of_champion["coverage"],
    )
