"""Loans from the file to decisions without Airflow: figures, the threshold, routes of its own, the Lambda handler."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from added_support import forget
from gateway_events import event_v1, event_v2
from serving_support import Api, serving
from support import query, run_etl, until

from leadmill.api import Alias, Api as Routes
from leadmill.demo import loans
from leadmill.demo.generator import write_csv
from leadmill.demo.loader import load_file
from leadmill.orchestration.stages import STAGES
from leadmill.registry import ledger
from leadmill.registry.champion import load_pipeline
from leadmill.registry.external import register
from leadmill.registry.trusted import write_model
from leadmill.spec import UseCase, load_use_case

REAL = Path(__file__).parents[3] / "shared" / "data" / "loans" / "loans.csv"
ASKED = {"TotalIncome": 5849, "LoanAmount": 128, "Credit_History": 1, "Property_Area": 2}
YES, NO = "O empréstimo foi aprovado.", "O empréstimo não foi aprovado."
# Routes of the kinds that the spec of loans has not.
MORE = [
    {"path": "/classify_sample", "methods": ["GET"], "does": "predict", "query": "sample"},
    {"path": "/classify_batch", "methods": ["GET", "POST"], "does": "predict_batch", "query": "batch",
     "fields": {"Amount": "loan_amount", "Credit": "credit_history"}},
    {"path": "/classify_random_sample", "methods": ["GET"], "does": "sample"},
    {"path": "/train", "methods": ["GET", "POST"], "does": "train"},
    {"path": "/healthcheck", "methods": ["GET"], "does": "health"},
]  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    # Raised inside Feast and MLflow, not ours to mend.
    pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]


@dataclass
class Run:
    """What a whole run left, and the service over it."""

    use_case: UseCase
    model: ledger.ModelRow
    api: Api


@pytest.fixture(scope="module")
def run(postgres: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    forget("demo", "loans")
    use_case = load_use_case("loans")
    # The other forest learns for ten seconds and is no matter of these tests.
    model = use_case.model.model_copy(update={"candidates": ("logistic_regression",)})
    routes = Routes(aliases=(*use_case.api.aliases, *(Alias.model_validate(one) for one in MORE)))
    use_case = use_case.model_copy(update={"model": model, "api": routes})
    load_file(use_case, REAL if REAL.is_file() else write_csv(loans.generate(), tmp_path_factory.mktemp("f") / "l.csv"))
    run_etl(use_case, online=True)
    STAGES["train"](use_case, "train-1")
    STAGES["score"](use_case, "score-1")
    with serving(use_case) as api:
        yield Run(use_case, ledger.models("loans")[0], api)
    forget("demo", "loans")


def test_every_row_is_accounted_for_and_gaps_are_flagged(run: Run) -> None:
    window = query("SELECT * FROM ops.windows WHERE use_case = 'loans' AND status = 'published'")[0]
    assert window["read"] == window["accepted"] + window["rejected"] + window["already_seen"] == 614
    filled = query(
        "SELECT count(*) FILTER (WHERE credit_history_missing) AS history, count(*) FILTER (WHERE loan_amount_missing) "
        "AS amount, count(*) FILTER (WHERE self_employed_missing) AS employed, count(*) FILTER (WHERE total_income <> "
        "applicant_income + coapplicant_income) AS wrong FROM features.loans"
    )[0]
    assert filled["wrong"] == 0
    if REAL.is_file():
        assert (filled["history"], filled["amount"], filled["employed"]) == (50, 22, 32)
    assert run_etl(run.use_case) is None


def test_figures_stand_beside_what_was_published_and_few_rows_are_warned_of(run: Run) -> None:
    found = {one["name"]: one for one in run.model.metrics["repeated"]}
    assert list(found)[:2] == ["credit_history alone", "replaced_forest"]
    assert run.model.candidate in found
    old = found["replaced_forest"]
    assert (old["published_accuracy"], old["published_training_accuracy"]) == (0.82114, 0.84853)
    assert old["accuracy"]["low"] < old["accuracy"]["value"] < old["training_accuracy"]
    said = query("SELECT reasons FROM ops.promotions WHERE verdict = 'promoted'")[0]["reasons"]
    assert any("gate.min_rows of 'loans' is 500, below the usual 1,000" in sentence for sentence in said)


@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL} is not there; it may not be redistributed")
def test_the_model_reaches_its_bars_on_the_real_file(run: Run) -> None:
    chosen = {one["name"]: one for one in run.model.metrics["repeated"]}[run.model.candidate]
    assert chosen["accuracy"]["value"] >= 0.80
    assert chosen["roc_auc"]["value"] >= 0.73


def test_decisions_are_the_same_in_sql_and_by_the_api(run: Run) -> None:
    decision = run.model.decision
    assert decision is not None
    assert decision["chosen_on"] == f"{run.model.training_rows:,} training rows, out of fold"
    held = decision["holdout"]
    assert held["cost"] < min(held["all_positive"], held["all_negative"])
    rows = query("SELECT loan_id, probability, loan_score, decision FROM scores.loans ORDER BY loan_id")
    for row in rows:
        assert row["decision"] == ("approve" if row["probability"] >= decision["threshold"] else "refuse")
    assert {row["decision"] for row in rows} == {"approve", "refuse"}
    assert query("SELECT DISTINCT decision FROM scores.loans_history")
    items = [{"loan_id": row["loan_id"]} for row in rows]
    batch = run.api.client.post("/api/v1/loans/predict/batch", json={"items": items}).json()["results"]
    assert [(one["prediction"]["loan_score"], one["prediction"]["decision"]) for one in batch] == [
        (row["loan_score"], row["decision"]) for row in rows
    ]
    one = run.api.client.post("/api/v1/loans/predict", json=items[0]).json()["prediction"]
    assert (one["decision"], one["probability"]) == (rows[0]["decision"], rows[0]["probability"])
    stored = run.api.client.get(f"/api/v1/loans/entities/{rows[0]['loan_id']}/score").json()["score"]
    assert stored["decision"] == rows[0]["decision"]
    assert run.api.client.get("/api/v1/loans/model").json()["decision"]["threshold"] == decision["threshold"]


def test_the_old_route_answers_one_sentence_or_json(run: Run) -> None:
    client = run.api.client
    found = client.post("/predictions", json=ASKED)
    assert (found.status_code, found.text, found.headers["content-language"]) == (200, YES, "pt")
    assert client.post("/predictions", json=ASKED | {"Credit_History": 0}).text == NO
    english = client.post("/predictions", json=ASKED, headers={"Accept-Language": "en-GB, pt;q=0.5"})
    assert english.text == "The loan was approved."
    told = client.post("/predictions", json=ASKED, headers={"Accept": "application/json"}).json()
    assert told["prediction"]["decision"] == "approve"
    assert (told["loan_id"], told["imputed"], told["features_from"]) == (None, {}, "payload")
    same = {"loan_id": "x", "payload": {"total_income": 5849, "loan_amount": 128, "credit_history": 1}}
    same["payload"]["property_area"] = "Urban"
    assert client.post("/api/v1/loans/predict", json=same).json()["prediction"] == told["prediction"]
    until(lambda: query("SELECT 1 FROM ops.predictions WHERE request_id = %s", [told["request_id"]]))
    logged = query("SELECT * FROM ops.predictions WHERE request_id = %s", [told["request_id"]])[0]
    assert (logged["entity_key"], logged["features_from"]) == (None, "payload")


def test_a_payload_may_give_what_a_feature_is_derived_from(run: Run) -> None:
    rest = {"loan_amount": 128, "credit_history": 1, "property_area": "Urban", "dependents": "2"}

    def told(**incomes: Any) -> dict[str, Any]:
        answer = run.api.client.post("/api/v1/loans/predict", json={"loan_id": "x", "payload": rest | incomes})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    summed = told(applicant_income=5000, coapplicant_income=849)
    assert summed["prediction"] == told(total_income=5849)["prediction"] != told(total_income=90)["prediction"]
    assert (summed["imputed"], summed["ignored"]) == ({}, [])
    # A sum that is given needs no parts, and a part alone is no sum.
    assert told(total_income=5849, applicant_income=1)["ignored"] == ["dependents", "applicant_income"]
    assert list(told(applicant_income=5000)["imputed"]) == ["total_income"]
    payloads = [rest | {"applicant_income": 5000, "coapplicant_income": 849}, rest | {"applicant_income": "much"}]
    items = [{"loan_id": str(number), "payload": payload} for number, payload in enumerate(payloads)]
    whole, broken = run.api.client.post("/api/v1/loans/predict/batch", json={"items": items}).json()["results"]
    assert whole["prediction"]["probability"] == summed["prediction"]["probability"]
    assert broken["error"]["errors"][0]["pointer"] == "/items/1/payload/applicant_income"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (ASKED | {"Property_Area": 7}, "/Property_Area"),
        (ASKED | {"TotalIncome": -1}, "/TotalIncome"),
        (ASKED | {"LoanAmount": "much"}, "/LoanAmount"),
        (ASKED | {"Key": "LP1"}, "/Key"),
        ({"TotalIncome": 5849}, ""),
    ],
)
def test_what_is_wrong_points_at_the_clients_own_field(run: Run, body: dict[str, Any], pointer: str) -> None:
    found = run.api.client.post("/predictions", json=body)
    assert found.status_code == 422
    assert found.headers["content-type"] == "application/problem+json"
    assert [fault["pointer"] for fault in found.json()["errors"]] == [pointer]


def test_the_old_route_has_the_same_keys(run: Run) -> None:
    reader = run.api.client
    assert reader.post("/predictions", json=ASKED, headers={"X-API-Key": "wrong"}).status_code == 401
    assert reader.get("/predictions").status_code == 405
    assert reader.post("/predictions", content=b"{").status_code == 400


def test_other_declared_routes_take_json_of_the_query(run: Run) -> None:
    client = run.api.client
    found = client.get(f"/classify_sample?{urlencode({'sample': json.dumps({'loan_amount': 100})})}").json()
    assert set(found["imputed"]) == {"total_income", "credit_history", "property_area"}
    items = [{"Amount": 100, "Credit": 1}, {"Amount": -5, "Credit": 0}, 7]
    results = client.get(f"/classify_batch?{urlencode({'batch': json.dumps(items)})}").json()["results"]
    assert results[0]["prediction"]["decision"] in ("approve", "refuse")
    assert [fault["pointer"] for fault in results[1]["error"]["errors"]] == ["/1/Amount"]
    assert [fault["pointer"] for fault in results[2]["error"]["errors"]] == ["/2"]
    assert client.get("/classify_batch?batch=[]").status_code == 422
    assert client.get("/classify_batch?batch=" + "1" * 60_000).status_code == 414
    assert client.get("/classify_random_sample").json()["loan_id"].startswith("LP")
    assert client.get("/healthcheck", headers={"X-API-Key": ""}).json() == {"status": "ok"}
    # No Airflow runs here: that is what it says, after it has let the key pass.
    assert client.get("/train").status_code == 502
    assert client.post("/train", json={"why": "x"}).status_code == 422
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths["/classify_batch"]) == {"get", "post"}
    assert paths["/predictions"]["post"]["responses"]["200"]["content"].keys() == {"application/json", "text/plain"}


def test_schemathesis_finds_no_breach_in_declared_routes(run: Run) -> None:
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{run.api.url}/openapi.json"),
            *("--header", f"X-API-Key: {run.api.key}", "--phases", "examples,coverage", "--no-color", "--seed", "7"),
            *("--include-path-regex", "^/(predictions|classify_.*)$"),
            *("--exclude-checks", "ignored_auth,positive_data_acceptance"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]


@pytest.mark.parametrize("event", [event_v1, event_v2])
def test_lambda_answers_the_old_route(run: Run, event: Any) -> None:
    from leadmill.serving import aws

    headers = {"content-type": "application/json", "x-api-key": run.api.key}
    try:
        found = aws.handler(event(json.dumps(ASKED), headers, "/predictions"), None)
        assert (found["statusCode"], found["body"]) == (200, YES)
        asked = event(json.dumps(ASKED), headers | {"accept": "application/json"}, "/predictions")
        assert json.loads(aws.handler(asked, None)["body"])["prediction"]["decision"] == "approve"
    finally:
        made = aws._function()
        made.loop.run_until_complete(made.state.stop())
        made.loop.close()
        aws._function.cache_clear()


def test_a_model_from_elsewhere_decides_by_the_newest_rows(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.skops"
    write_model(load_pipeline("loans", run.model.version), file)
    register(run.use_case, file, "register-1", "tester", "a test")
    found = ledger.models("loans")[0]
    assert (found.candidate, found.decision and found.decision["holdout"]) == ("external", None)
    assert found.decision is not None
    assert re.fullmatch(r"the newest \d+ rows", found.decision["chosen_on"])
