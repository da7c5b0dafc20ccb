"""What the gate asks of a challenger, one function per rule; each answers in figures and one sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadmill.spec import UseCase
from leadmill.training.bootstrap import difference, resampled
from leadmill.training.data import Rows
from leadmill.training.metrics import Array, Judged, Predictions, point
from leadmill.training.results import Estimate, Holdout
from leadmill.training.split import HOLDOUT_SHARE

FIFTHS = 5
SLICE_ROWS, SLICE_OF_EACH = 100, 10


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


def ranks_better_than_chance(holdout: Rows, held: Holdout, metric: str = "pr_auc") -> Rule:
    """The lower end of the PR AUC's interval lies above the positive rate, which is what guessing reaches.

    Of a use case whose ``metric`` is the ROC AUC that one's lies above a half: where most rows are positive, guessing
    has nearly all of the PR AUC, and few rows show no more of it.
    """
    if metric == "roc_auc":
        found = held.metrics["roc_auc"]
        sentence = f"ROC AUC {found.value:.3f} ({found.low:.3f} to {found.high:.3f}) against 0.5 of guessing"
        return Rule("ranks_better_than_chance", bool(found.low > 0.5), sentence, {"roc_auc": asdict(found)})
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


def calibrated(use_case: UseCase, holdout: Rows, probability: Array) -> Rule:
    """The mean probability is not surely further off the positive rate than ``gate.calibration``.

    Asked over all rows and in each fifth of the weight by probability; each answer with a bootstrap interval over
    entities, 95 % over all and 99 % in a fifth, for there are five of them. Off for sure: the whole interval is.
    """
    order = np.argsort(probability, kind="stable")
    share = np.cumsum(holdout.weight[order]) - holdout.weight[order] / 2
    fifth = np.empty(len(holdout), dtype=np.int64)
    fifth[order] = np.minimum((share * FIFTHS / holdout.weight.sum()).astype(np.int64), FIFTHS - 1)
    gaps = {"all": _gap(holdout, probability, np.ones(len(holdout), dtype=bool), 0.95)}
    gaps |= {f"fifth_{at + 1}": _gap(holdout, probability, fifth == at, 0.99) for at in np.unique(fifth).tolist()}
    bound = use_case.gate.calibration
    off = [name for name, gap in gaps.items() if gap.low > bound or gap.high < -bound]
    worst = max(off or gaps, key=lambda name: abs(gaps[name].value))
    gap, where = gaps[worst], "over all" if worst == "all" else f"in {worst.replace('_', ' ')} of 5 by probability"
    return Rule(
        "calibrated",
        not off,
        f"mean probability less positive rate is {gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}) {where}, where "
        f"it is furthest off; {'not surely' if not off else 'surely'} beyond {bound:g}",
        {"gaps": {name: asdict(one) for name, one in gaps.items()}, "bound": bound},
    )


def _gap(holdout: Rows, probability: Array, inside: NDArray[np.bool_], level: float) -> Estimate:
    part = holdout.take(np.flatnonzero(inside))
    excess = probability[inside] - part.y
    value = float(np.average(excess, weights=part.weight))
    drawn = [weights @ excess / weights.sum(axis=1) for weights in resampled(part.weight, part.groups)]
    low, high = np.quantile(np.concatenate(drawn), [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high))


def no_slice_much_worse(
    use_case: UseCase, slices: Mapping[str, Sequence[str]], holdout: Rows, challenger: Judged, champion: Judged
) -> Rule:
    """In no level of a declared slice the metric is surely lower than the champion's, and by more than allowed.

    ``slices`` has the level of each row by feature. A level is judged from SLICE_ROWS rows with SLICE_OF_EACH of either
    class on; surely: the paired 95 % interval of the gain lies below zero. How much is allowed is asked of the gain
    itself, not of its interval: slices are small, and an interval below that would need a far larger loss.
    """
    metric, allowed = use_case.model.metric, use_case.gate.slice_worse_by
    gains: dict[str, Any] = {}
    worse = []
    for feature, levels in slices.items():
        values = np.asarray(levels, dtype=object)
        for level in sorted(set(levels)):
            at = np.flatnonzero(values == level)
            part = holdout.take(at)
            positives = part.positives
            if len(part) < SLICE_ROWS or min(positives, len(part) - positives) < SLICE_OF_EACH:
                continue
            gain = difference(metric, challenger.take(at), champion.take(at), part.weight, part.groups)
            gains[f"{feature}={level}"] = {"rows": len(part), "positives": positives, **asdict(gain)}
            if gain.high < 0 and gain.value < -allowed:
                worse.append(f"{feature}={level} ({gain.value:+.3f}, {gain.low:+.3f} to {gain.high:+.3f})")
    sentence = (
        f"{metric} is worse by more than {allowed:g} in {', '.join(worse)}"
        if worse
        else f"{metric} is not worse by more than {allowed:g} in any of {len(gains)} levels of {', '.join(slices)}"
    )
    return Rule("no_slice_much_worse", not worse, sentence, {"slices": gains, "metric": metric, "allowed": allowed})


def not_worse_than_champion(
    use_case: UseCase, holdout: Rows, version: str, challenger: Judged, champion: Judged
) -> Rule:
    """The paired 95 % interval of the gain lies above ``-gate.non_inferior_by`` on these rows for both."""
    metric, margin = use_case.model.metric, use_case.gate.non_inferior_by
    gain = difference(metric, challenger, champion, holdout.weight, holdout.groups)
    return Rule(
        "not_worse_than_champion",
        bool(gain.low >= -margin),
        f"{metric} better by {gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}) than champion {version} on "
        f"{len(holdout):,} rows that it has not learned from, asked is no less than {-margin:+.4f}",
        {
            "rows": len(holdout),
            "metric": metric,
            "gain": asdict(gain),
            "challenger": point(challenger, holdout.weight),
            "champion": point(champion, holdout.weight),
            "champion_version": version,
            "non_inferior_by": margin,
        },
    )
