"""A multiclass use case from the warehouse to the API: what a shop's customers will spend, in bands and in euro."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from added_support import forget_models, score, train, use_cases_in
from files_support import write_files
from rich.console import Console
from serving_support import Api, serving
from sklearn.linear_model import LogisticRegression
from support import clean_database, query, run_etl, until

from leadmill import settings
from leadmill.cli_data import score as score_by_command
from leadmill.demo.report import best_entities
from leadmill.demo.show import best_table
from leadmill.errors import ModelUnfit
from leadmill.features.online import lookup
from leadmill.monitoring.follow_up import ensure_follow_up_view
from leadmill.orchestration.doc_page import page
from leadmill.orchestration.stages import STAGES
from leadmill.registry import ledger, parameters, store
from leadmill.registry.bands import Frozen
from leadmill.registry.begin import begin_training
from leadmill.registry.by_hand import choose
from leadmill.registry.catalog import run_page
from leadmill.registry.champion import champion, champion_version
from leadmill.registry.external import register
from leadmill.registry.findings import told as told_of
from leadmill.registry.fit import fit, fitted
from leadmill.registry.tune import tune
from leadmill.scoring.scorer import scorer
from leadmill.spec import UseCase, load_use_case
from leadmill.storage.database import engine
from leadmill.training import tuning
from leadmill.training.banded import BandedModel
from leadmill.training.candidates import BUILDERS

pytestmark = [
    pytest.mark.slow,
    # Raised inside MLflow, not ours to mend.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]
NAME, ROUTE, CLASSES = "spending", "/api/v1/spending", ("small", "middling", "large")
DAY = timedelta(days=1)
BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 5, 8, tzinfo=UTC)
CUSTOMERS = 200
SPEC = """
name: spending
title: What customers will spend
task: multiclass
classes: [small, middling, large]
entity: {name: customer, key: customer_no, key_type: string}
source: {connection: shop, relations: [shop.sales], watermark: noted_at, history: events, clock: shop.clock}
as_of: [31d, 75d]
label: {name: spent, title: Spent in 30 days, unit: euro, horizon: 30d, lag: 1d, aggregate: sum, last: spent_30d}
facts:
  paid_at: {title: When it was paid, type: timestamp, required: true, past: true}
  amount: {title: Amount, unit: euro, type: float, min: 0, required: true}
features:
  segment: {title: Segment, type: category, fact: true, impute: unknown, levels: [cafe, shop, web]}
  spent_30d: {title: Spent in 30 days, unit: euro, type: float, min: 0, transform: log, impute: none, fill: 0}
  sales_30d: {title: Sales in 30 days, unit: sales, type: int, min: 0, impute: none, fill: 0}
model: {candidates: [logistic_regression], metric: log_loss}
gate: {min_rows: 100, min_positives: 20}
score: {bands: {A: 0.2, B: 1.0}}
"""
EXTRACT = """
SELECT customer_no, paid_at, amount, segment, noted_at, NULL AS spent
FROM shop.sales
WHERE noted_at > :since AND noted_at <= :until
"""
FEATURES = """
SELECT
    customer_no,
    as_of,
    max(segment) AS segment,
    coalesce(round(sum(amount) FILTER (WHERE paid_at > as_of - interval '30 days')), 0) AS spent_30d,
    count(*) FILTER (WHERE paid_at > as_of - interval '30 days') AS sales_30d
FROM known
GROUP BY customer_no, as_of
"""
LABELS = """
SELECT customer_no, amount AS label, false AS closed, paid_at AS occurred_at, recorded_at AS known_at
FROM accepted
"""


@dataclass
class Run:
    """What the first run left, and the service."""

    use_case: UseCase
    version: str
    api: Api


@pytest.fixture(scope="module")
def run(postgres: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    clean_database()
    forget_models()
    folder = tmp_path_factory.mktemp("spending")
    files = {"use_case.yaml": SPEC, "sql/extract.sql": EXTRACT, "sql/features.sql": FEATURES, "sql/labels.sql": LABELS}
    write_files(folder / NAME, files)
    settings.apply({"AIRFLOW_CONN_SHOP": postgres["AIRFLOW_CONN_WAREHOUSE"]})
    with psycopg.connect(postgres["LEADMILL_WAREHOUSE_URL"], autocommit=True) as shop, use_cases_in(folder):
        sell(shop)
        use_case = load_use_case(NAME)
        run_etl(use_case, online=True)
        train(use_case, "train-1")
        # What the gate says of so few rows is not asked here.
        if champion_version(use_case) is None:
            choose(use_case, "1", "a test")
        score(use_case, "score-1")
        with serving(use_case) as api:
            yield Run(use_case, "1", api)
        shop.execute("DROP SCHEMA shop CASCADE")
    del os.environ["AIRFLOW_CONN_SHOP"]
    clean_database()
    forget_models()


def sell(shop: psycopg.Connection) -> None:
    """Sales of customers who each have a size of their own, a segment, and a growth."""
    random = np.random.default_rng(5)
    shop.execute("DROP SCHEMA IF EXISTS shop CASCADE")
    shop.execute(
        "CREATE SCHEMA shop;"
        "CREATE TABLE shop.sales (customer_no text, paid_at timestamptz, amount numeric, segment text,"
        " noted_at timestamptz);"
        "CREATE TABLE shop.clock (now timestamptz);"
        "GRANT USAGE ON SCHEMA shop TO leadmill_source;"
        "GRANT SELECT ON ALL TABLES IN SCHEMA shop TO leadmill_source"
    )
    shop.execute("INSERT INTO shop.clock VALUES (%s)", [END + timedelta(minutes=2)])
    with shop.cursor() as cursor, cursor.copy("COPY shop.sales FROM STDIN") as copy:
        for number in range(CUSTOMERS):
            segment, size = random.choice(["Cafe", "Shop", "WEB"]), np.exp(random.normal(3, 1))
            paid = BEGIN + DAY * random.uniform(0, 20)
            while paid < END:
                amount = round(float(size * random.gamma(9) / 9), 2)
                noted = min(paid + timedelta(hours=random.uniform(0, 2)), END)
                copy.write_row([f"C-{number:04d}", paid, amount, segment, noted])
                paid += DAY * random.exponential(4)


@pytest.fixture
def stored(run: Run) -> dict[str, dict[str, Any]]:
    """Published scores by key."""
    return {row["customer_no"]: row for row in query("SELECT * FROM scores.spending ORDER BY 1")}


def told(row: dict[str, Any]) -> dict[str, Any]:
    """A published row as the API tells it."""
    interval = {"low": row["predicted_low"], "high": row["predicted_high"]}
    names = ("customer_score", "probability", "band", "percentile", "predicted_class", "probabilities")
    return {name: row[name] for name in (*names, "predicted_value")} | {"interval": interval}


def assert_same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name, value in wanted.items():
        if isinstance(value, dict):
            assert found[name] == pytest.approx(value, abs=1e-6)
        else:
            assert found[name] == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value)


def test_every_score_says_its_class_and_a_value_inside_it(run: Run, stored: dict[str, dict[str, Any]]) -> None:
    assert len(stored) == CUSTOMERS
    edges = {one["class"]: one for one in ledger.known_model(NAME, run.version).classes or []}
    assert tuple(edges) == run.use_case.classes == CLASSES
    assert {row["predicted_class"] for row in stored.values()} == set(CLASSES)
    base = 1000 * scorer(run.use_case, champion(run.use_case)).base
    for row in stored.values():
        shares = row["probabilities"]
        assert set(shares) == set(CLASSES)
        assert sum(shares.values()) == pytest.approx(1, abs=1e-9)
        assert shares["large"] == row["probability"]
        assert row["predicted_class"] == max(CLASSES, key=lambda name: shares[name])
        mine = edges[row["predicted_class"]]
        assert mine["from"] <= row["predicted_value"] <= mine["to"]
        assert row["predicted_low"] <= row["predicted_value"] <= row["predicted_high"]
        points = sum(reason["points"] for reason in row["reasons"])
        assert base + points == pytest.approx(1000 * row["probability"], abs=1e-6)
    history = query("SELECT * FROM scores.spending_history ORDER BY 1")
    assert history == list(stored.values())


def test_its_tables_and_views_say_what_they_hold_and_to_whom(run: Run, postgres: dict[str, str]) -> None:
    ensure_follow_up_view(run.use_case)
    named = "predicted_class, probabilities, predicted_value, predicted_low, predicted_high"
    for relation in ("spending", "spending_history", "spending_rows"):
        rows = query(
            "SELECT attname, col_description(attrelid, attnum) AS said FROM pg_attribute "
            "WHERE attrelid = %s::regclass AND attnum > 0",
            [f"scores.{relation}"],
        )
        assert set(named.split(", ")) <= {row["attname"] for row in rows}
        assert all(row["said"] for row in rows)
    with psycopg.connect(postgres["LEADMILL_READER_URL"]) as reader:
        for relation in ("spending", "spending_history", "spending_follow_up"):
            assert len(reader.execute(f"SELECT {named} FROM scores.{relation}".encode()).fetchall()) == CUSTOMERS


def test_the_api_says_what_the_batch_says(run: Run, stored: dict[str, dict[str, Any]]) -> None:
    api, keys = run.api, list(stored)
    found = api.client.post(f"{ROUTE}/predict/batch", json={"items": [{"customer_no": key} for key in keys]}).json()
    assert [one["customer_no"] for one in found["results"]] == keys
    for one in found["results"]:
        assert_same(one["prediction"], told(stored[one["customer_no"]]))
    for key in keys[:40]:
        one = api.client.post(f"{ROUTE}/predict", json={"customer_no": key}).json()
        assert_same(one["prediction"], told(stored[key]))
        assert list(one["prediction"]["probabilities"]) == list(CLASSES)
        total = one["prediction"]["base"] + sum(reason["points"] for reason in one["prediction"]["reasons"])
        assert total == pytest.approx(1000 * one["prediction"]["probability"], abs=1e-6)
        kept = api.client.get(f"{ROUTE}/entities/{key}/score").json()
        assert_same(kept["score"], told(stored[key]))
        assert kept["history"] == [kept["score"]]
    drawn = api.client.get(f"{ROUTE}/sample").json()
    assert_same(drawn["prediction"], told(stored[drawn["customer_no"]]))
    features = {"segment": "Cafe", "spent_30d": 400, "sales_30d": 6}
    given = api.client.post(f"{ROUTE}/predict", json={"customer_no": "C-1", "payload": features}).json()
    assert given["prediction"]["predicted_class"] in CLASSES
    until(lambda: query("SELECT 1 FROM ops.predictions WHERE request_id = %s", [given["request_id"]]))


def test_online_is_offline(run: Run, stored: dict[str, dict[str, Any]]) -> None:
    latest = {row["customer_no"]: row for row in query("SELECT * FROM features.spending_latest")}
    online = lookup(run.use_case, list(stored)).to_dict("records")
    assert len(online) == len(latest) == CUSTOMERS
    for row in online:
        for name in ("segment", "spent_30d", "sales_30d", "event_timestamp"):
            assert row[name] == latest[row["customer_no"]][name]


def test_the_openapi_file_describes_the_answers(run: Run) -> None:
    import jsonschema_rs

    document, key = run.api.client.get("/openapi.json").json(), "C-0001"
    for path, answer in (
        ("/predict", run.api.client.post(f"{ROUTE}/predict", json={"customer_no": key})),
        ("/predict/batch", run.api.client.post(f"{ROUTE}/predict/batch", json={"items": [{"customer_no": key}]})),
        ("/entities/{key}/score", run.api.client.get(f"{ROUTE}/entities/{key}/score")),
    ):
        (operation,) = document["paths"][ROUTE + path].values()
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema_rs.Draft202012Validator(schema).validate(answer.json())
        assert '"predicted_value"' in str(schema).replace("'", '"')


def test_another_version_is_swapped_in(run: Run, stored: dict[str, dict[str, Any]]) -> None:
    """The same model as version 2, with one band for all."""
    client = store.client()
    first = client.get_model_version(NAME, run.version)
    client.create_model_version(NAME, first.source, first.run_id)
    row = replace(ledger.known_model(NAME, run.version), version="2", mlflow_run_id=f"{first.run_id}-2")
    ledger.record_model(row)
    with engine().begin() as connection:
        ledger.freeze(connection, NAME, "2", Frozen({"A": 0.0}, row.percentiles or [], "a test"), END)

    def answer(version: str) -> dict[str, Any]:
        client.set_registered_model_alias(NAME, store.CHAMPION, version)
        until(lambda: run.api.client.get("/").json()["champions"][NAME] == version)
        found: dict[str, Any] = run.api.client.post(f"{ROUTE}/predict", json={"customer_no": "C-0001"}).json()
        return found["prediction"]  # type: ignore[no-any-return]

    assert_same(answer("2"), told(stored["C-0001"]) | {"band": "A"})
    assert_same(answer(run.version), told(stored["C-0001"]))


def test_a_model_from_elsewhere_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ModelUnfit, match="'spending' predicts classes"):
        register(run.use_case, tmp_path / "model.skops", "key", "a test", "")


def test_people_see_class_and_value(run: Run) -> None:
    best = best_entities(run.use_case, list(run.use_case.inputs))
    assert all(one.predicted and one.predicted[0].split()[0] in CLASSES and "euro" in one.predicted[1] for one in best)
    console = Console(file=StringIO(), width=100, record=True)
    console.print(best_table(run.use_case, best, 100))
    shown = console.export_text()
    assert "Spent in 30 days" in shown
    assert "large" in shown
    assert "small, middling, large" in page(run.use_case)
    said = told_of(ledger.known_model(NAME, run.version))
    assert [line.split(":")[0] for line in said] == ["logistic_regression, on the newest rows", "last again"]
    assert all("macro F1 0." in line and "WAPE 0." in line for line in said)


def test_the_command_line_says_it(
    run: Run, stored: dict[str, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    score_by_command(NAME, ["C-0001"], as_json=True)
    (found,) = json.loads(capsys.readouterr().out)
    assert_same(found, told(stored["C-0001"]))
    score_by_command(NAME, ["C-0001"])
    assert f"{stored['C-0001']['predicted_class']} (" in " ".join(capsys.readouterr().out.split())


def test_the_scores_are_watched(run: Run) -> None:
    """By the probability of the last class, of which score and bands are."""
    STAGES["monitor"](run.use_case, "watch-1")
    drift = query("SELECT * FROM ops.drift WHERE use_case = %s AND subject = 'score'", [NAME])
    assert [(row["entities"], row["alarms"]) for row in drift] == [(CUSTOMERS, [])]
    shares = query("SELECT band, entities FROM ops.bands WHERE use_case = %s ORDER BY band", [NAME])
    assert [row["band"] for row in shares] == ["A", "B"]
    assert sum(row["entities"] for row in shares) == CUSTOMERS


def test_the_next_training_fits_every_edge_with_what_a_tuning_found(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (candidate,) = run.use_case.model.candidates
    # Poor defaults, and however little better than they is better.
    monkeypatch.setitem(BUILDERS, candidate, lambda: LogisticRegression(C=0.001, max_iter=1000))
    monkeypatch.setattr(tuning, "SURELY", -100.0)
    done = tune(run.use_case, "tune-1", "a test", trials=3, minutes=5)
    assert done.changed == (candidate,)
    in_use = parameters.in_force(NAME)[candidate]
    run_id = begin_training(run.use_case, "train-tuned", "a test")
    (crossed,) = fit(run.use_case, run_id)
    assert crossed.metrics["log_loss"].mean == pytest.approx(done.found[0].value, abs=1e-9)
    model = fitted(run_id, candidate)
    assert isinstance(model, BandedModel)
    learners = [one[-1].calibrated_classifiers_[0].estimator for one in model.thresholds]
    assert [one.C for one in learners] == [in_use.params["C"]] * (len(CLASSES) - 1)
    assert run_page(run_id).params[f"{candidate} parameters"] == f"trial {in_use.trial} of the study {done.study}"
