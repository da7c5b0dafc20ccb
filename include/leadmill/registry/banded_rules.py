"""What the gate asks of a challenger that predicts bands, beside what it asks of every one."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from leadmill.registry.rules import Rule, calibrated
from leadmill.spec import UseCase
from leadmill.training.banded_metrics import COVERAGE, COVERAGE_OFF, BandPredictions
from leadmill.training.data import Rows
from leadmill.training.metrics import Judged, point
from leadmill.training.results import Holdout


def banded_rules(
    use_case: UseCase, train: Rows, holdout: Rows, held: Holdout, answers: Judged, naive: Mapping[str, dict[str, float]]
) -> list[Rule]:
    """Every rule; ``answers`` are the challenger's on the holdout, ``naive`` the figures of ``training.naive``."""
    assert isinstance(answers, BandPredictions)
    return [
        knows_more_than_shares(train, holdout, held),
        *([better_than_last(held, naive["last_again"])] if "last_again" in naive else []),
        every_class_calibrated(use_case, holdout, answers),
        intervals_hold(held),
    ]


def knows_more_than_shares(train: Rows, holdout: Rows, held: Holdout) -> Rule:
    """The log loss is below that of answering the training rows' shares of the classes to everyone."""
    shares = np.bincount(train.y, train.weight, len(train.known_edges.names)) / train.weight.sum()
    constant = BandPredictions(holdout.y, np.tile(shares, (len(holdout), 1)))
    asked, found = point(constant, holdout.weight, ["log_loss"])["log_loss"], held.metrics["log_loss"]
    return Rule(
        "knows_more_than_shares",
        bool(found.value < asked),
        f"log loss {found.value:.3f} against {asked:.3f} of the shares of the classes",
        {"log_loss": asdict(found), "shares_log_loss": asked},
    )


def better_than_last(held: Holdout, last: Mapping[str, float]) -> Rule:
    """Macro F1 and WAPE are no worse than those of saying what was last."""
    f1, off = held.metrics["macro_f1"], held.metrics["wape"]
    return Rule(
        "better_than_last",
        bool(f1.value >= last["macro_f1"] and off.value <= last["wape"]),
        f"macro F1 {f1.value:.3f} and WAPE {off.value:.3f}, where saying the last value again has "
        f"{last['macro_f1']:.3f} and {last['wape']:.3f}",
        {"macro_f1": asdict(f1), "wape": asdict(off), "last_again": dict(last)},
    )


def every_class_calibrated(use_case: UseCase, holdout: Rows, answers: BandPredictions) -> Rule:
    """``rules.calibrated`` of each class against all others."""
    names = holdout.known_edges.names
    asked = {
        name: calibrated(use_case, holdout.of_class(code), answers.probability[:, code])
        for code, name in enumerate(names)
    }
    off = [name for name, rule in asked.items() if not rule.holds]
    worst = off[0] if off else max(names, key=lambda name: abs(asked[name].figures["gaps"]["all"]["value"]))
    return Rule(
        "calibrated",
        not off,
        f"class {worst}: {asked[worst].sentence}",
        {"classes": {name: rule.figures["gaps"] for name, rule in asked.items()}, "bound": use_case.gate.calibration},
    )


def intervals_hold(held: Holdout) -> Rule:
    """The share of truths in their intervals is not surely further than COVERAGE_OFF from COVERAGE."""
    found = held.metrics["coverage"]
    return Rule(
        "intervals_hold",
        bool(found.high >= COVERAGE - COVERAGE_OFF and found.low <= COVERAGE + COVERAGE_OFF),
        f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%}) of what came true lies in the intervals, which are "
        f"made for {COVERAGE:.0%}",
        {"coverage": asdict(found), "made_for": COVERAGE, "off": COVERAGE_OFF},
    )
