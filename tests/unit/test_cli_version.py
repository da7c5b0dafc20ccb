"""What ``model show`` prints of a version: its training, figures beside published ones, its decision and the curve."""

from dataclasses import asdict
from datetime import UTC, datetime

import pytest

from leadmill.cli_version import print_version
from leadmill.registry.catalog import ShownModel
from leadmill.registry.findings import Kept
from leadmill.registry.ledger import Decision, ModelRow
from leadmill.spec import load_use_case
from leadmill.training.alerts import Alerts
from leadmill.training.cost_curve import CostPoint
from leadmill.training.repeated import Repeated
from leadmill.training.results import Estimate
from leadmill.training.threshold import Outcomes

NOW = datetime(2026, 5, 1, 9, tzinfo=UTC)
HELD = Outcomes(100, 30, 10, 5, 55, 0.35, 1.2, 0.9, precision=0.75, recall=0.857, f1=0.8, mcc=0.689)
CURVE = tuple(CostPoint(1 - at / 40, at / 40, 1.0, 0.9, at / 40) for at in range(40))
ALERTS = Alerts(300, 0.4, 2.5, 280.0, 0.42, 0.54)


def shown() -> ShownModel:
    figure = Estimate(0.81, 0.78, 0.84)
    old = Repeated("replaced_forest", "declared", 0.83, figure, figure, 0.84853, 0.82114)
    costs = {"false_positive": 3.0, "false_negative": 1.0}
    kept = Kept(0.5, "approve", "refuse", costs, 0.75, "491 training rows, out of fold", HELD, HELD, ALERTS, CURVE)
    metrics = {
        "cross_validation": {"metrics": {"roc_auc": {"mean": 0.75, "std": 0.02}}, "variants": {}},
        "holdout": {"metrics": {"roc_auc": {"value": 0.76, "low": 0.7, "high": 0.8}}},
        "repeated": [asdict(old)],
    }
    model = ModelRow(
        "loans", "3", "run-1", "logistic_regression", NOW, 491, 340, "abc", "spec-1", [], metrics,
        training_set="set-1", decision=asdict(kept), bands=[{"band": "A", "from": 0.8}],
    )  # fmt: skip
    few = "gate.min_rows of 'loans' is 500, below the usual 1,000: its figures are less certain"
    promoted = Decision("promoted", "3", "logistic_regression", None, (few,), {}, {}, "tester", "run-1", NOW)
    training = {"fingerprint": "abc", "code_version": "0.1.0+f00", "reason": "Sunday", "began_at": NOW, "seconds": 61.4}
    return ShownModel(model, True, (promoted,), training)


def test_a_version_is_shown_with_everything_that_was_found_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_version(load_use_case("loans"), shown())
    text = " ".join(capsys.readouterr().out.split())
    for said in (
        "Loan approval, version 3 (champion): logistic_regression, 491 training rows, 340 positive",
        "Training set: set-1, spec version spec-1",
        "in 61 s, because Sunday, code version 0.1.0+f00, data fingerprint abc",
        "0.750 ± 0.020 │ 0.760 [0.700, 0.800]",
        "replaced_forest (declared) │ 81.00% [78.00%, 84.00%] │ 83.00%",
        "82.114% │ 84.853%",
        "Decision: approve from probability 0.5000 on, chosen on 491 training rows, out of fold",
        "f1 0.800, precision 0.750, recall 0.857, mcc 0.689; a case costs 0.35, all approve 1.2, all refuse 0.9",
        "Budget of 300 alerts a day: from 0.4000 on, 280.0 a day, 42% of them right, finding 54%",
        "threshold ┃ approve ┃ precision ┃ recall ┃ cost of a case",
        "Bands: A from 0.8000",
        "promoted by tester: gate.min_rows of 'loans' is 500, below the usual 1,000",
    ):
        assert said in text, said
    # Nine of the forty points, with the first and the last.
    assert text.count("90.00%") == 9
    assert "1.0000 │ 0.00%" in text
    assert "0.0250 │ 97.50%" in text
