"""Predicted bands and values as they were issued against what came true, merchant by merchant by hand."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from monitoring_support import write
from support import query
from tpv_support import DAY, Acquirer, acquirer, tpv

from leadmill.monitoring.performance import watch_performance
from leadmill.registry import ledger
from leadmill.storage.ddl import ensure_tables
from leadmill.training.banded_metrics import BandPredictions
from leadmill.training.edges import Edges
from leadmill.training.metrics import Predictions, point

__all__ = ["acquirer"]

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MERCHANTS = 160
CLASSES = tpv().classes
OLD = Edges(CLASSES, (100.0, 200.0, 400.0), 0.0, 900.0)
NEW = Edges(CLASSES, (150.0, 250.0, 500.0), 0.0, 900.0)


def version(number: str, edges: Edges) -> None:
    """A version in the ledger with these bands."""
    figure = {"value": 0.9, "low": 0.88, "high": 0.92}
    metrics = {"cross_validation": {"metrics": {}}, "holdout": {"metrics": {"roc_auc": figure}}}
    ledger.record_model(
        ledger.ModelRow("tpv", number, f"run {number}", "any", NOW, 1, 1, "", "", [], metrics, classes=edges.document())
    )


@pytest.fixture
def lives(acquirer: Acquirer) -> tuple[list[int], BandPredictions]:
    """Scores issued 40 days ago by two versions, and days of volume before, within and after the month they are of."""
    random = np.random.default_rng(4)
    ensure_tables(tpv())
    for number, edges in (("1", OLD), ("2", NEW)):
        version(number, edges)
    scores, labels, truth, codes, shares, said = [], [], [], [], [], []
    at = NOW - 40 * DAY
    for number in range(MERCHANTS):
        name, edges = f"M{number:03d}", (OLD, NEW)[number % 2]
        asked, value = random.dirichlet(np.ones(4)), float(random.lognormal(5.5, 0.7))
        low, high = value * 0.6, value * 1.8
        days = random.choice(50, size=12, replace=False) + 1
        total = 0.0
        for day in days:
            moment, amount = at + float(day - 10) * DAY, float(random.lognormal(3.5, 1))
            rows = [(amount, timedelta(hours=1))]
            if day % 5 == 0:
                rows.append((amount * 2, timedelta(hours=9)))
            same = {"merchant_id": name, "closed": False, "occurred_at": moment, "window_id": 1}
            labels += [same | {"label": volume, "known_at": moment + late} for volume, late in rows]
            total += rows[-1][0] if at < moment <= at + 30 * DAY else 0.0
        scores.append(
            {"merchant_id": name, "generation": 1, "merchant_score": 1, "probability": asked[-1], "band": "A",
             "percentile": 1.0, "status": "fresh", "issued_status": "fresh", "model_version": str(1 + number % 2),
             "feature_timestamp": at, "scored_at": at, "run_id": "s", "predicted_class": CLASSES[int(asked.argmax())],
             "probabilities": json.dumps(dict(zip(CLASSES, asked.tolist(), strict=True))), "predicted_value": value,
             "predicted_low": low, "predicted_high": high}
        )  # fmt: skip
        truth.append(total)
        codes.append(int(edges.codes(np.array([total]))[0]))
        shares.append(asked)
        said.append([value, low, high])
    write("scores.tpv_rows", scores)
    write("features.tpv_labels", labels)
    run = {"generation": 1, "run_id": "s", "planned_at": at, "staged": 1, "published": 1, "shown": True}
    write("scores.tpv_runs", [run])
    acquirer.execute("DELETE FROM acquirer.clock")
    acquirer.execute("INSERT INTO acquirer.clock (now) VALUES (%s)", [NOW])
    return codes, BandPredictions(np.array(codes), np.array(shares), np.array(truth), np.array(said))


def test_every_figure_equals_the_brute_force(lives: tuple[list[int], BandPredictions]) -> None:
    codes, expected = lives
    found = watch_performance(tpv(), "run")
    row = query("SELECT * FROM ops.performance WHERE run_id = 'run' AND days = 30")[0]
    figures = point(expected, np.ones(MERCHANTS))
    for name in ("accuracy", "macro_f1", "weighted_kappa", "wape", "coverage"):
        assert row[name] == pytest.approx(figures[name], rel=1e-9), name
    assert row["class_log_loss"] == pytest.approx(figures["log_loss"])
    assert (row["entities"], row["positives"]) == (MERCHANTS, codes.count(3))
    last = Predictions((np.array(codes) == 3).astype(int), expected.probability[:, -1], 0.5)
    assert row["roc_auc"] == pytest.approx(point(last, np.ones(MERCHANTS))["roc_auc"])
    assert "intervals" in found[0].alarms
    alerts = query("SELECT kind, message FROM ops.alerts WHERE watch = 'performance'")
    assert any("of what came true lay in the issued intervals" in one["message"] for one in alerts)
    assert found[0].banded["macro_f1"] == row["macro_f1"]
