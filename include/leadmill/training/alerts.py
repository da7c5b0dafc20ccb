"""So many alerts a day: which threshold that means, and what is found at it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from leadmill.training.data import AS_OF, Rows
from leadmill.training.metrics import Array
from leadmill.training.split import Split


@dataclass(frozen=True)
class Alerts:
    """A budget of ``per_day`` alerts on rows of ``days`` days: those of probability ``threshold`` and above are alerts.

    ``raised`` is how many a day these are, never more than the budget; ``precision`` and ``recall`` are theirs. All
    count what rows stand for in truth: see :func:`alerts_within`.
    """

    per_day: float
    threshold: float
    days: float
    raised: float
    precision: float
    recall: float

    def sentence(self) -> str:
        """What the budget buys, for people."""
        return (
            f"{self.per_day:g} alerts a day are those from {self.threshold:.4f} on: {self.raised:.1f} a day, "
            f"{self.precision:.0%} of them right, finding {self.recall:.0%}, on the newest {self.days:.2f} days"
        )


def days_of(frame: pd.DataFrame) -> float:
    """Days from the first to the last row of a training frame."""
    return float((frame[AS_OF].max() - frame[AS_OF].min()).total_seconds()) / 86_400


def days_held(frame: pd.DataFrame, split: Split) -> float:
    """Days' worth of all rows that the held-out ones are: where a third of the entities judges, a third of the days."""
    newest = int((frame[AS_OF] >= split.begins).sum())
    return days_of(frame.iloc[split.holdout]) * len(split.holdout) / newest


def alerts_within(rows: Rows, probability: Array, days: float, per_day: float) -> Alerts:
    """The lowest threshold that raises at most ``per_day`` alerts a day on these rows; of ties all or none are alerts.

    Of rows that were rebalanced at their source the positives are taken to be all there and the others thinned, or the
    other way round where positives are too few: a row that others were thinned beside stands for as many as it takes
    to make the true share. Where the highest rows alone are too many there is no alert, and precision is 0.
    """
    stands = rows.weight * max(rows.oversampled, 1.0)
    order = np.argsort(-probability, kind="stable")
    levels, starts = np.unique(-probability[order], return_index=True)
    flagged = np.add.reduceat(stands[order], starts).cumsum()
    right = np.add.reduceat(stands[order] * rows.y[order], starts).cumsum()
    within = int(np.searchsorted(flagged, per_day * days, side="right"))
    found = float((stands * rows.y).sum())
    if within == 0:
        return Alerts(per_day, float((1 - levels[0]) / 2), days, 0.0, 0.0, 0.0)
    threshold, raised, hits = -float(levels[within - 1]), float(flagged[within - 1]), float(right[within - 1])
    return Alerts(per_day, threshold, days, raised / days, hits / raised, hits / found if found else 0.0)
