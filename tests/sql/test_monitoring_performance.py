"""Scores as they were issued against outcomes known later: the same figures as one lead after the other by hand."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from event_support import BEGIN, DAY, Crm, execute, leads
from monitoring_support import outcome, published_window, score, write, written_scores
from support import key, query

from leadmill.monitoring.performance import watch_performance
from leadmill.training.metrics import Predictions, point

LEADS, DAYS = 600, 170
HORIZON, LAG = timedelta(days=30), timedelta(days=7)
NOW = BEGIN + DAYS * DAY
Row = dict[str, Any]


@pytest.fixture(scope="module")
def lives(postgres: dict[str, str]) -> Iterator[tuple[list[Row], list[Row]]]:
    """Random scores and outcomes, with ties, late records, reopenings and deletions; both published."""
    random = np.random.default_rng(11)
    scores, outcomes = [], []
    for number in range(1, LEADS + 1):
        born = BEGIN + float(random.uniform(0, DAYS - 1)) * DAY
        chance = float(random.beta(1, 4))
        for _ in range(int(random.integers(1, 7))):
            at = born + float(random.exponential(12)) * DAY
            if at <= NOW:
                probability = round(float(np.clip(random.normal(chance, 0.1), 0, 1)), 2)
                scores.append(score(key(number), probability, at, model_version=str(random.integers(1, 3))))
        for label, closed, odds in ((1, True, chance), (0, True, 0.4), (None, True, 0.05), (None, False, 0.1)):
            if random.random() < odds:
                happened = born + float(random.exponential(15)) * DAY
                outcomes.append(outcome(key(number), label, closed, happened, float(random.exponential(1)) * DAY))
    known = [row for row in outcomes if row["known_at"] <= NOW]
    with written_scores(postgres) as crm:
        publish(crm, scores, known)
        yield scores, known


def publish(crm: Crm, scores: list[Row], outcomes: list[Row]) -> None:
    write("scores.leads_history", scores)
    write("features.leads_labels", outcomes)
    published_window(crm, NOW)


def judged(scores: list[Row], outcomes: list[Row], since: datetime, until: datetime) -> list[tuple[Row, int]]:
    """First scores of (since, until] with what came true, lead by lead."""
    by_lead: dict[str, list[Row]] = defaultdict(list)
    ends: dict[str, list[Row]] = defaultdict(list)
    for row in outcomes:
        ends[row["lead_id"]].append(row)
    for row in sorted(scores, key=lambda one: one["scored_at"]):
        if since < row["scored_at"] <= until:
            by_lead[row["lead_id"]].append(row)
    found = []
    for lead, issued in by_lead.items():
        at = issued[0]["scored_at"]
        before = sorted((one["occurred_at"], one["closed"]) for one in ends[lead] if one["occurred_at"] <= at)
        within = [one for one in ends[lead] if at < one["occurred_at"] <= at + HORIZON]
        positive = any(one["label"] == 1 for one in within)
        deleted = any(one["closed"] and one["label"] is None for one in within)
        if not (before and before[-1][1]) and (positive or not deleted):
            found.append((issued[0], int(positive)))
    return found


def test_every_figure_equals_the_brute_force(lives: tuple[list[Row], list[Row]]) -> None:
    watch_performance(leads(), "run")
    rows = {row["days"]: row for row in query("SELECT * FROM ops.performance WHERE run_id = 'run'")}
    assert set(rows) == {30, 90}
    for days, row in rows.items():
        until = NOW - HORIZON - LAG
        expected = judged(*lives, until - days * DAY, until)
        y = np.array([positive for _, positive in expected])
        p = np.array([one["probability"] for one, _ in expected])
        assert (row["entities"], row["positives"]) == (len(y), y.sum())
        assert 10 < y.sum() < len(y)
        names = ("roc_auc", "pr_auc", "brier", "log_loss", "lift_at_10")
        for name, value in point(Predictions(y, p, 0.5), np.ones(len(y)), names).items():
            assert row[name] == pytest.approx(value, rel=1e-9), name
        assert row["conversion"] == pytest.approx(y.mean())
        assert row["mean_probability"] == pytest.approx(p.mean())
        assert row["roc_auc_low"] < row["roc_auc"] < row["roc_auc_high"]
        assert row["gap_low"] < p.mean() - y.mean() < row["gap_high"]
        assert sum(row["versions"].values()) == len(y)
        assert sum(part["entities"] for part in row["reliability"]) == len(y)
        bands = query("SELECT * FROM ops.band_outcomes WHERE run_id = 'run' AND days = %s ORDER BY band", [days])
        for found, best in zip(bands, (True, False), strict=True):
            mine = y[(p >= 0.5) == best]
            assert (found["entities"], found["positives"]) == (len(mine), mine.sum())
            assert found["low"] < found["conversion"] < found["high"]


def test_the_same_run_again_leaves_the_same_rows(lives: tuple[list[Row], list[Row]]) -> None:
    tables = ("ops.performance", "ops.band_outcomes", "ops.following", "ops.alerts")
    watch_performance(leads(), "again")
    before = [query(f"SELECT * FROM {table}") for table in tables]
    watch_performance(leads(), "again")
    assert [query(f"SELECT * FROM {table}") for table in tables] == before


def test_probabilities_that_are_off_open_an_alert_and_their_return_closes_it(
    lives: tuple[list[Row], list[Row]],
) -> None:
    watch_performance(leads(), "strict")
    strict = leads().model_copy(update={"monitor": leads().monitor.model_copy(update={"calibration": 0.0})})
    found = {one.days: one for one in watch_performance(strict, "strict")}
    gaps = {days: one.gap_interval for days, one in found.items()}
    off = {f"{days} days" for days, gap in gaps.items() if gap and (gap[0] > 0 or gap[1] < 0)}
    assert off, "these made-up probabilities are not calibrated"
    opened = query("SELECT subject, kind FROM ops.alerts WHERE closed_at IS NULL")
    assert {row["subject"] for row in opened if row["kind"] == "calibration"} == off
    prior = strict.model_copy(update={"model": strict.model.model_copy(update={"prior": 0.01})})
    assert all("calibration" not in one.alarms for one in watch_performance(prior, "a rebalanced source"))
    loose = leads().model_copy(update={"monitor": leads().monitor.model_copy(update={"calibration": 0.9})})
    watch_performance(loose, "loose")
    assert query("SELECT 1 FROM ops.alerts WHERE kind = 'calibration' AND closed_at IS NULL") == []


def test_scores_that_rank_far_below_the_holdout_of_their_version_open_an_alert(
    lives: tuple[list[Row], list[Row]],
) -> None:
    metrics = {"holdout": {"metrics": {"roc_auc": {"value": 0.99}}}}
    shared = {"use_case": "leads", "candidate": "x", "created_at": BEGIN, "training_rows": 1, "positives": 1}
    shared |= {"data_fingerprint": "f", "spec_version": "s", "inputs": "[]", "metrics": json.dumps(metrics)}
    write("ops.models", [shared | {"version": version, "mlflow_run_id": version} for version in ("1", "2")])
    watch_performance(leads(), "worse")
    alerts = query("SELECT subject, message FROM ops.alerts WHERE kind = 'ranking' AND closed_at IS NULL")
    assert {row["subject"] for row in alerts} == {"30 days", "90 days"}
    assert all("far below the holdout's" in row["message"] for row in alerts)
    # A version that somebody chose though its holdout had one class: there is nothing to fall below.
    unknown = {"holdout": {"metrics": {"roc_auc": {"value": None}}}}
    execute("UPDATE ops.models SET metrics = %s", [json.dumps(unknown)])
    watch_performance(leads(), "unknown")
    assert query("SELECT FROM ops.alerts WHERE kind = 'ranking' AND closed_at IS NULL") == []
