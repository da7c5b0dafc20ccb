"""The scoring API on a real database over real HTTP: the contract, and that it scores as the batch does."""

import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from scoring_support import Trained, execute, score
from serving_support import ROUTE, Api, served_training, serving
from support import query, until

from leadmill import names, settings
from leadmill.features.online import lookup
from leadmill.features.online_row import constants, select_row
from leadmill.features.store import feature_store
from leadmill.monitoring.predictions import outcomes_sql
from leadmill.registry import store
from leadmill.registry.by_hand import choose
from leadmill.registry.dataset import training_set
from leadmill.registry.versions import register_version
from leadmill.storage import api_keys
from leadmill.training.fitting import fit_candidate

CONTRACT = {
    "lead_id": "7927b2df-8bba-4d29-b9a2-b6e0beafe620",
    "payload": {
        "total_time_spent_on_website": 869.0,
        "last_notable_activity_sms_sent": 1.0,
        "lead_origin_lead_add_form": 0.0,
        "what_matters_most_to_you_in_choosing_a_course_better_career_prospects": 0.0,
        "occupation_working_professional": 0.0,
        "what_matters_most_to_you_in_choosing_a_course_unknown": 1.0,
        "total_visits": 9.0,
        "last_activity_sms_sent": 1.0,
        "page_views_per_visit": 4.5,
        "last_activity_email_opened": 0.0,
        "last_notable_activity_modified": 0.0,
        "do_not_email": 0.0,
        "specialization_unknown": 0.0,
        "lead_source_olark_chat": 0.0,
        "lead_source_direct_traffic": 0.0,
    },
}
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def api(postgres: dict[str, str]) -> Iterator[Api]:
    with served_training("logistic_regression") as one:
        yield one


@pytest.fixture(scope="module")
def keys(api: Api) -> list[str]:
    found = [row["lead_id"] for row in query("SELECT lead_id FROM scores.x_education ORDER BY 1")]
    return random.Random(7).sample(found, 1000)


def problem(found: httpx.Response, status: int) -> dict[str, Any]:
    assert found.status_code == status, found.text
    assert found.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = found.json()
    assert body["status"] == status
    assert body["request_id"] == found.headers["x-request-id"]
    assert "Traceback" not in found.text
    return body


def test_the_contracts_request_is_answered(api: Api) -> None:
    for route in ("/api/v1/predict", f"{ROUTE}/predict"):
        found = api.client.post(route, json=CONTRACT).json()
        assert found["lead_id"] == CONTRACT["lead_id"]
        assert 0 <= found["prediction"]["lead_score"] <= 1000
        assert {"probability", "band", "reasons"} <= set(found["prediction"])
        assert {"request_id", "status", "model_version", "feature_timestamp"} <= set(found)
        assert found["assumed"] == {
            "lead_origin": "unknown",
            "occupation": "unknown",
            "specialization": "other",
            "lead_source": "unknown",
        }
        assert {"country", "asymmetrique_activity_index"} <= set(found["imputed"])
        assert not {"total_visits", "last_activity"} & set(found["imputed"])


def test_the_api_scores_as_the_batch_does(api: Api, keys: list[str]) -> None:
    assert_as_the_batch(api, keys)


def assert_as_the_batch(api: Api, keys: list[str]) -> None:
    stored = {row["lead_id"]: row for row in query("SELECT * FROM scores.x_education")}
    found = api.post("/predict/batch", {"items": [{"lead_id": key} for key in keys]}).json()["results"]
    assert [one["lead_id"] for one in found] == keys
    for one in found + [api.predict(key) for key in keys[:50]]:
        told, kept = one["prediction"], stored[one["lead_id"]]
        assert abs(told["probability"] - kept["probability"]) <= 1e-6
        assert (told["lead_score"], told["band"], one["status"]) == (kept["lead_score"], kept["band"], kept["status"])
        if "reasons" in told:
            total = told["base"] + sum(reason["points"] for reason in told["reasons"])
            assert abs(total - 1000 * told["probability"]) <= 1e-6


def test_the_read_is_that_of_feast(api: Api, keys: list[str]) -> None:
    use_case = api.state.served["x_education"].use_case
    by_feast = lookup(use_case, keys[:200]).set_index("lead_id")
    for key in keys[:200]:
        found = api.client.get(f"{ROUTE}/entities/{key}/features").json()
        row = by_feast.loc[key]
        assert found["features"] == {name: row[name] for name in constants(use_case)}
        assert found["feature_timestamp"] == row["event_timestamp"].isoformat().replace("+00:00", "Z")


def test_the_read_expires_as_that_of_feast(api: Api, keys: list[str]) -> None:
    use_case, store = api.state.served["x_education"].use_case, feature_store()
    ages = query(
        "SELECT extract(epoch FROM now() - event_timestamp) AS age FROM online.leadmill_x_education_features ORDER BY 1"
    )
    ttl = timedelta(seconds=int(ages[len(ages) // 2]["age"]))
    view = store.get_feature_view(names.feature_view(use_case))

    def expire_after(limit: timedelta) -> None:
        view.ttl = limit
        store.apply(view)
        store.refresh_registry()

    expire_after(ttl)
    try:
        found = store.get_online_features([f"{view.name}:lead_origin"], [{"lead_id": key} for key in keys]).to_dict()
    finally:
        expire_after(timedelta(0))
    by_feast = {key for key, origin in zip(keys, found["lead_origin"], strict=True) if origin is not None}
    statement = select_row(use_case, ttl).replace("$1", "%s")
    with psycopg.connect(settings.current().database_url) as connection:
        ours = {key for key in keys if connection.execute(statement.encode(), [key]).fetchone()}
    assert 0 < len(ours) < len(keys)
    assert ours == by_feast


def test_a_payload_is_filled_as_the_etl_fills(api: Api) -> None:
    """The raw values of the newest leads, gaps and all, give the features that the ETL stored."""
    use_case = api.state.served["x_education"].use_case
    columns = ", ".join(f"r.{column.name}" for column in use_case.feature_columns)
    rows = query(
        f"SELECT r.lead_id, {columns}, f.imputer_version FROM raw.x_education AS r JOIN features.x_education AS f "
        "USING (lead_id) ORDER BY f.event_timestamp DESC LIMIT 60"
    )
    newest = query("SELECT max(version) AS version FROM ops.imputers")[0]["version"]
    same = [row for row in rows if row.pop("imputer_version") == newest]
    assert len(same) > 30
    reader = api.state.served["x_education"].champion().payloads
    for row in same:
        filled = reader.fill([{name: value for name, value in row.items() if name != "lead_id" and value is not None}])[
            0
        ]
        assert not isinstance(filled, list), filled
        stored = query("SELECT * FROM features.x_education WHERE lead_id = %s", [row["lead_id"]])[0]
        assert filled.values == {name: stored[name] for name in filled.values}


PAYLOADS = [
    ({"total_visits": 3, "lead_sorce": "google"}, "lead_sorce", "lead_source"),
    ({"lead_source": "google", "lead_source_google": 1}, "lead_source", "give one of them"),
    ({"lead_source_google": 1, "lead_source_facebook": 1}, "lead_source_google", "has one level"),
    ({"lead_source_google": 2}, "lead_source_google", "on (1) or off (0)"),
    ({"lead_source_google": {}}, "lead_source_google", "on (1) or off (0)"),
    ({"total_visits": -1}, "total_visits", "at least 0"),
    ({"total_visits": 2.5}, "total_visits", "a whole number"),
    ({"total_visits": [1]}, "total_visits", "a number, a text"),
    ({"do_not_email": "perhaps"}, "do_not_email", "yes or no"),
    ({"asymmetrique_activity_index": "huge"}, "asymmetrique_activity_index", "one of low, medium, high"),
    ({"country": "x" * 2000}, "country", "at most 1000 characters"),
]


@pytest.mark.parametrize(("payload", "field", "said"), PAYLOADS)
def test_a_payload_that_cannot_be_is_refused_with_its_place(
    api: Api, payload: dict[str, Any], field: str, said: str
) -> None:
    faults = problem(api.post("/predict", {"lead_id": NOBODY, "payload": payload}), 422)["errors"]
    assert [fault for fault in faults if fault["pointer"] == f"/payload/{field}" and said in fault["detail"]], faults


def test_declared_columns_that_the_model_does_not_take_are_ignored(api: Api) -> None:
    found = api.predict(NOBODY, {"tags": "Busy", "lead_number": 5, "lead_source": "Google"})
    assert found["ignored"] == ["tags", "lead_number"]
    assert "lead_source" not in found["imputed"]
    assert found["features_from"] == "payload"


HOSTILE = [
    (b'{"lead_id": "\' OR 1=1 --"}', 422),
    (b'{"lead_id": "%s"}' % (b"x" * 100_000), 422),
    (b'{"lead_id": NaN}', 400),
    (b'{"lead_id": "%s", "payload": {"total_visits": Infinity}}' % NOBODY.encode(), 400),
    (b'{"lead_id": "%s", "payload": {"total_visits": 1e999}}' % NOBODY.encode(), 400),
    (b'{"lead_id": "%s", "payload": []}' % NOBODY.encode(), 422),
    (b'{"lead_id": "%s", "payload": {}, "more": 1}' % NOBODY.encode(), 422),
    (b'{"lead_id": null}', 422),
    (b'{"lead_id": 12}', 422),
    (b'{"lead_id": "00000000-0000-4000-8000-000000000000\\n"}', 422),
    (b"[]", 422),
    (b"{}", 422),
    (b"", 400),
    (b'{"lead_id": "\xff\xfe"}', 400),
    (b'{"lead_id":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    (b'{"lead_id": "\\u0000"}', 422),
    (b'{"a":' + b'"x"' * 100 + b"}", 400),
    (b"x" * 300_000, 413),
]


@pytest.mark.parametrize(("body", "status"), HOSTILE)
def test_hostile_bodies_get_a_clear_refusal(api: Api, body: bytes, status: int) -> None:
    found = api.client.post(f"{ROUTE}/predict", content=body, headers={"content-type": "application/json"})
    assert len(problem(found, status)["detail"]) > 10
    chunked = api.client.post(
        f"{ROUTE}/predict", content=iter([body]), headers={"content-type": "application/json"}
    )  # without a length in the header
    assert chunked.status_code == status


def test_every_other_error_is_a_problem_too(api: Api) -> None:
    problem(api.client.get("/nothing"), 404)
    problem(api.client.get(f"{ROUTE}/predict"), 405)
    assert "x_education" in problem(api.client.post("/api/v1/x_educaton/predict", json={}), 404)["detail"]
    problem(api.client.post(f"{ROUTE}/predict", content="lead_id=1", headers={"content-type": "text/plain"}), 415)
    problem(api.post("/predict", {"lead_id": NOBODY}), 404)
    problem(api.client.get(f"{ROUTE}/entities/{NOBODY}/score"), 404)
    problem(api.client.get(f"{ROUTE}/entities/'--/features"), 422)
    problem(api.post("/predict/batch", {"items": []}), 422)
    problem(api.post("/predict/batch", {"items": [{"lead_id": NOBODY}] * 10_001}), 422)
    # Nobody told this service of an Airflow.
    problem(api.post("/train", {"reason": "a test"}), 502)


def test_errors_of_a_batch_are_those_of_its_items(api: Api, keys: list[str]) -> None:
    items = [
        {"lead_id": keys[0]},
        {"lead_id": "no key"},
        {"lead_id": NOBODY},
        {"lead_id": NOBODY, "payload": {"total_visits": 4}},
        {"lead_id": NOBODY, "payload": {"nonsense": 4}},
        7,
    ]
    found = api.post("/predict/batch", {"items": items}).json()["results"]
    assert ["error" in one for one in found] == [False, True, True, False, True, True]
    assert found[1]["error"]["errors"][0]["pointer"] == "/items/1/lead_id"
    assert found[4]["error"]["errors"][0]["pointer"] == "/items/4/payload/nonsense"
    assert found[3]["prediction"]["lead_score"] == api.predict(NOBODY, {"total_visits": 4})["prediction"]["lead_score"]


def test_keys_come_and_go_without_a_restart(api: Api, keys: list[str]) -> None:
    body = {"lead_id": keys[0]}

    def status(key: str | None, path: str = f"{ROUTE}/predict") -> int:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.post(api.url + path, json=body, headers=headers, trust_env=False).status_code

    reader = api_keys.create("reads only", ["read"])
    until(lambda: status(reader) == 403)
    assert status(None) == 401
    assert status("lm_000000000000_" + "0" * 64) == 401
    assert status(api.key[:-1] + ("0" if api.key[-1] != "0" else "1")) == 401
    assert status(reader, f"{ROUTE}/train") == 403
    api_keys.revoke(reader.split("_")[1])
    until(lambda: status(reader) == 401)
    stored = query("SELECT * FROM ops.api_keys")
    assert not any(api.key.rsplit("_", 1)[1].encode() in bytes(row["digest"]) for row in stored)


def test_answers_are_logged_and_join_outcomes(api: Api, keys: list[str]) -> None:
    answer = api.predict(keys[3])
    batch = api.post("/predict/batch", {"items": [{"lead_id": keys[3]}]}).json()
    until(lambda: query("SELECT 1 FROM ops.predictions WHERE request_id = %s", [batch["request_id"]]))
    one, same = query(
        "SELECT * FROM ops.predictions WHERE request_id = ANY (%s::uuid[]) ORDER BY predicted_at",
        [[answer["request_id"], batch["request_id"]]],
    )
    assert one["features_hash"] == same["features_hash"]
    assert (one["entity_key"], one["score"], one["model_version"]) == (
        keys[3], answer["prediction"]["lead_score"], answer["model_version"],
    )  # fmt: skip
    use_case = api.state.served["x_education"].use_case
    assert {row["label"] for row in query(outcomes_sql(use_case))} <= {0, 1, None}


def test_a_full_log_drops_and_counts(api: Api, keys: list[str]) -> None:
    use_case = api.state.served["x_education"].use_case
    with serving(use_case, api.key, log_buffer=2, log_flush=3600.0) as small:
        # The first flush comes at once and finds nothing.
        for key in keys[:5]:
            small.predict(key)
        found = small.client.get("/metrics").text
        assert "leadmill_api_predictions_dropped_total 3.0" in found
        before = query("SELECT count(*) AS n FROM ops.predictions")[0]["n"]
    # The end of the service writes what is left.
    assert query("SELECT count(*) AS n FROM ops.predictions")[0]["n"] >= before + 2


def test_too_much_at_once_is_refused_fast(api: Api, keys: list[str]) -> None:
    with serving(api.state.served["x_education"].use_case, api.key, in_flight=0) as full:
        found = full.post("/predict", {"lead_id": keys[0]})
        assert problem(found, 503)["type"].endswith("overloaded")
        assert found.headers["retry-after"] == "1"
        # Who watches it is always answered.
        assert full.client.get("/healthz").is_success
        assert "leadmill_api_refused_total 1.0" in full.client.get("/metrics").text


def test_stale_and_rejected_leads_say_so(api: Api, keys: list[str]) -> None:
    served = api.state.served["x_education"]
    assert api.predict(keys[0])["status"] == "fresh"
    moment, seen = served.freshness._now or (None, 0)
    assert moment is not None
    served.freshness._now = (moment + served.use_case.score.stale_after * 2, seen)
    found = api.predict(keys[0])
    assert found["status"] == "stale"
    assert found["age_seconds"] > served.use_case.score.stale_after.total_seconds()
    served.freshness._now = (moment, seen)
    served.freshness._refused = frozenset({keys[0]})
    assert [api.predict(key)["status"] for key in keys[:2]] == ["stale", "fresh"]
    served.freshness._refused = frozenset()


def test_a_random_lead_and_the_model_are_shown(api: Api) -> None:
    drawn = {api.client.get(f"{ROUTE}/sample").json()["lead_id"] for _ in range(8)}
    assert len(drawn) > 2
    assert api.trained is not None
    assert api.client.get(f"{ROUTE}/model").json()["version"] == api.trained.promotion.version
    assert api.client.get("/").json()["champions"] == {"x_education": api.trained.promotion.version}
    assert api.client.get("/healthcheck").json() == {"status": "ok"}


def test_a_column_that_comes_does_not_disturb(api: Api, keys: list[str]) -> None:
    execute("ALTER TABLE online.leadmill_x_education_features ADD COLUMN another int")
    assert api.predict(keys[0])["status"] == "fresh"
    execute("ALTER TABLE online.leadmill_x_education_features DROP COLUMN another")
    assert api.predict(keys[0])["status"] == "fresh"


@pytest.mark.parametrize("candidate", ["additive_scorecard", "random_forest", "hist_gradient_boosting"])
def test_every_other_candidate_scores_as_its_batch_does_too(api: Api, keys: list[str], candidate: str) -> None:
    """Each becomes champion by hand, scores everybody and is swapped in."""
    assert api.trained is not None
    use_case, first = api.trained.use_case, api.trained.promotion.version
    version = registered(api.trained, candidate)
    try:
        choose(use_case, version, "a test")
        score(use_case, f"score-{candidate}")
        until(lambda: champion_served(api) == version)
        assert_as_the_batch(api, keys)
    finally:
        choose(use_case, first, "a test")
        until(lambda: champion_served(api) == first)


def registered(trained: Trained, candidate: str) -> str:
    """A version of that candidate, fitted on the first training's rows; its figures are nobody's concern here."""
    run, rows = store.client().get_run(trained.run_id), training_set(trained.use_case, trained.run_id)
    model = fit_candidate(candidate, rows.inputs, rows.train)
    again = store.client().create_run(run.info.experiment_id, tags=run.data.tags).info.run_id
    judged = (trained.evaluation.cross_validation[0], replace(trained.evaluation.holdout[0], candidate=candidate))
    return register_version(trained.use_case, again, model, rows.inputs, rows.train, judged)


def champion_served(api: Api) -> Any:
    return api.client.get("/").json()["champions"]["x_education"]


@pytest.mark.timeout(280)
def test_schemathesis_finds_no_breach(api: Api) -> None:
    """Examples, edge cases and made-up requests against the service's own OpenAPI file."""
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{api.url}/openapi.json"),
            *("--header", f"X-API-Key: {api.key}", "--phases", "examples,coverage,fuzzing", "--max-examples", "3"),
            # Without an Airflow a training is 502; a key in the other header is as good as the one it tries to spoil; a
            # schema cannot say that a feature's value and its levels exclude each other.
            *(
                "--exclude-path-regex",
                "/train$",
                "--exclude-checks",
                "ignored_auth,positive_data_acceptance",
                "--seed",
                "7",
                "--no-color",
            ),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
