"""What the gate asks of a challenger, one function per rule; each answers in figures and one sentence."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from leadmill.spec import UseCase
from leadmill.training.bootstrap import difference
from leadmill.training.data import Rows
from leadmill.training.metrics import Array, Predictions, point
from leadmill.training.results import Holdout
from leadmill.training.split import HOLDOUT_SHARE


@dataclass(frozen=True)
class Rule:
    """One thing asked: whether it holds, said in a sentence, on these figures."""

    name: str
    holds: bool
    sentence: str
    figures: dict[str, Any]


def enough_to_judge(use_case: UseCase, holdout: Rows) -> Rule:
    """The holdout has its share of the rows and positives that the spec asks for, and both classes."""
    rows, positives = len(holdout), int(holdout.y.sum())
    least_rows = int(HOLDOUT_SHARE * use_case.gate.min_rows)
    least_positives = int(HOLDOUT_SHARE * use_case.gate.min_positives)
    return Rule(
        "enough_to_judge",
        rows >= least_rows and max(1, least_positives) <= positives < rows,
        f"the holdout has {rows:,} rows with {positives:,} positives, asked: {least_rows:,} with {least_positives:,}",
        {"rows": rows, "positives": positives, "least_rows": least_rows, "least_positives": least_positives},
    )


def ranks_better_than_chance(holdout: Rows, held: Holdout) -> Rule:
    """The lower end of the PR AUC's interval lies above the positive rate, which is what guessing reaches."""
    found, rate = held.metrics["pr_auc"], holdout.base_rate
    return Rule(
        "ranks_better_than_chance",
        bool(found.low > rate),
        f"PR AUC {found.value:.3f} ({found.low:.3f} to {found.high:.3f}) against a positive rate of {rate:.3f}",
        {"pr_auc": asdict(found), "positive_rate": rate},
    )


def knows_more_than_base_rate(train: Rows, holdout: Rows, held: Holdout) -> Rule:
    """The log loss is below that of answering the training base rate to everyone."""
    constant = np.full(len(holdout), train.base_rate)
    asked = point(Predictions(holdout.y, constant, train.base_rate), holdout.weight)["log_loss"]
    found = held.metrics["log_loss"]
    return Rule(
        "knows_more_than_base_rate",
        bool(found.value < asked),
        f"log loss {found.value:.3f} against {asked:.3f} of the base rate",
        {"log_loss": asdict(found), "base_rate_log_loss": asked},
    )


def not_worse_than_champion(use_case: UseCase, holdout: Rows, version: str, challenger: Array, champion: Array) -> Rule:
    """The paired 95 % interval of the gain lies above ``-gate.non_inferior_by`` on these rows for both."""
    metric, margin = use_case.model.metric, use_case.gate.non_inferior_by
    threshold = holdout.base_rate
    ours, theirs = (Predictions(holdout.y, probability, threshold) for probability in (challenger, champion))
    gain = difference(metric, ours, theirs, holdout.weight, holdout.groups)
    return Rule(
        "not_worse_than_champion",
        bool(gain.low >= -margin),
        f"{metric} better by {gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}) than champion {version} on "
        f"{len(holdout):,} rows that it has not learned from, asked is no less than {-margin:+.4f}",
        {
            "rows": len(holdout),
            "metric": metric,
            "gain": asdict(gain),
            "challenger": point(ours, holdout.weight),
            "champion": point(theirs, holdout.weight),
            "champion_version": version,
            "non_inferior_by": margin,
        },
    )
