"""Card fraud from the file to scores without Airflow: history, alerts, routes, and whole files scored."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from added_support import forget
from serving_support import Api, serving
from support import killed_at, query, run_etl, until

from leadmill.demo import payments
from leadmill.demo.generator import write_csv
from leadmill.demo.loader import load_file
from leadmill.errors import FileRejected, LeadmillError
from leadmill.features.history import training_frame
from leadmill.orchestration.stages import STAGES
from leadmill.registry import ledger
from leadmill.registry.provenance import code_version
from leadmill.scoring.file import score as scoring
from leadmill.scoring.file.score import score_file
from leadmill.spec import UseCase, load_use_case
from leadmill.storage import api_keys
from leadmill.training.data import rows_of
from leadmill.training.inputs import model_inputs
from leadmill.training.metrics import Predictions, point
from leadmill.training.split import grouped_folds
from leadmill.training.threshold import out_of_fold

REAL = Path(__file__).parents[3] / "shared" / "data" / "fraud" / "creditcard_sample.csv"
ROWS = 2600

pytestmark = [
    pytest.mark.slow,
    # Raised inside Feast and MLflow, not ours to mend.
    pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]


@dataclass
class Run:
    """What a whole run left: two loads, a champion, scores."""

    use_case: UseCase
    file: Path
    payments: pd.DataFrame
    model: ledger.ModelRow


def quick(use_case: UseCase) -> UseCase:
    """With the candidate that learns fastest."""
    model = use_case.model.model_copy(update={"candidates": ("logistic_regression",)})
    return use_case.model_copy(update={"model": model})


@pytest.fixture(scope="module")
def run(postgres: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    forget("demo", "fraud")
    use_case, folder = quick(load_use_case("fraud")), tmp_path_factory.mktemp("files")
    made = payments.generate(ROWS)
    first, later = made.iloc[:-100], made.iloc[-100:]
    load_file(use_case, write_csv(first, folder / "first.csv"))
    run_etl(use_case)
    load_file(use_case, write_csv(later, folder / "later.csv"))
    run_etl(use_case, online=True)
    STAGES["train"](use_case, "train-1")
    STAGES["score"](use_case, "score-1")
    yield Run(use_case, folder / "first.csv", first, ledger.models("fraud")[0])
    forget("demo", "fraud")


def test_history_is_that_of_earlier_payments_only(run: Run) -> None:
    """By brute force, ties and the second load (all of one moment, with the first behind it) included."""
    found = pd.DataFrame(
        query(
            "SELECT payment_id, event_timestamp AS at, amount::float8, payments_1h, payments_24h, hour_of_day, "
            "log_amount::float8, amount_against_day::float8, amount_against_day_missing FROM features.fraud"
        )
    )
    assert found["at"].duplicated().sum() > 100
    times, amounts = found["at"].to_numpy(), found["amount"].to_numpy()
    for _, row in found.sample(150, random_state=1).iterrows():
        ago = (row["at"] - found["at"]).to_numpy()
        hour, day = ((ago > pd.Timedelta(0)) & (ago <= limit) for limit in (pd.Timedelta("1h"), pd.Timedelta("24h")))
        assert (row["payments_1h"], row["payments_24h"]) == (hour.sum(), day.sum())
        assert row["hour_of_day"] == row["at"].hour
        assert row["log_amount"] == pytest.approx(np.log1p(row["amount"]))
        assert row["amount_against_day_missing"] == (not day.any())
        if day.any():
            assert row["amount_against_day"] == pytest.approx(row["amount"] / amounts[day].mean(), rel=1e-4, abs=2e-6)
    assert found.loc[times == times.max(), "payments_24h"].min() > 500


def test_repeated_rows_are_one_payment_and_all_are_accounted_for(run: Run) -> None:
    windows = query("SELECT * FROM ops.windows WHERE use_case = 'fraud' AND status = 'published' ORDER BY window_id")
    for window in windows:
        assert window["read"] == window["accepted"] + window["rejected"] + window["already_seen"]
    twice = run.payments.duplicated().sum()
    assert (windows[0]["read"], windows[0]["already_seen"], twice > 0) == (ROWS - 100, twice, True)


def test_alerts_of_a_day_keep_to_the_budget(run: Run) -> None:
    decision = run.model.decision
    assert decision is not None
    curve = decision["curve"]
    assert curve[-1]["share"] == pytest.approx(1)
    assert [one["recall"] for one in curve] == sorted(one["recall"] for one in curve)
    alerts = decision["alerts"]
    assert 0 < alerts["raised"] <= alerts["per_day"] == 300
    assert decision["threshold"] >= alerts["threshold"]
    assert 0 < alerts["recall"] <= 1
    days = query(
        "SELECT date_trunc('day', feature_timestamp, 'UTC') AS day, count(*) AS n, max(alert_of_day) AS last, "
        "min(probability) AS lowest FROM scores.fraud_alerts GROUP BY 1 ORDER BY 1"
    )
    assert [(day["n"], day["last"]) for day in days[:2]] == [(300, 300), (300, 300)]
    for day in days[:2]:
        above = query(
            "SELECT count(*) AS n FROM scores.fraud WHERE probability > %s "
            "AND date_trunc('day', feature_timestamp, 'UTC') = %s",
            [day["lowest"], day["day"]],
        )
        assert above[0]["n"] < 300
    flagged = query("SELECT count(*) AS n FROM scores.fraud WHERE (decision = 'alert') <> (probability >= %s)",
                    [decision["threshold"]])  # fmt: skip
    assert flagged[0]["n"] == 0


def test_a_file_scores_as_the_published_scores_and_keeps_its_order(run: Run, tmp_path: Path) -> None:
    found = score_file(run.use_case, run.file, tmp_path / "scores.csv")
    assert (found.rows, found.scored, found.rejected, found.resumed) == (ROWS - 100, ROWS - 100, 0, False)
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert scores["row"].tolist() == list(range(1, ROWS - 99))
    published = pd.DataFrame(query("SELECT payment_id, probability, band, payment_score, decision FROM scores.fraud"))
    # A row that stands twice in the file comes once into the store, so what follows it counts one payment less there.
    repeated = run.payments.duplicated(keep=False)
    firsts = run.payments.loc[repeated, "Time"].astype(int).min()
    before = scores[(run.payments["Time"].astype(int) < firsts).to_numpy()]
    both = before.merge(published, on="payment_id", suffixes=("", "_published"))
    assert len(both) == len(before) > 10
    pd.testing.assert_series_equal(both["probability"], both["probability_published"], check_names=False, rtol=1e-12)
    assert both["band"].equals(both["band_published"])
    assert both["decision"].equals(both["decision_published"])
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["scores.csv", "scores.rejected.csv"]


def test_parquet_in_and_out_say_the_same_as_csv(run: Run, tmp_path: Path) -> None:
    typed = run.payments.drop(columns="Class").astype(float).astype({"Time": int})
    pq.write_table(pa.Table.from_pandas(typed.iloc[:500]), tmp_path / "in.parquet")
    write_csv(run.payments.iloc[:500], tmp_path / "in.csv")
    for end in ("parquet", "csv"):
        score_file(run.use_case, tmp_path / f"in.{end}", tmp_path / f"out_{end}.parquet")
    one, other = (pq.read_table(tmp_path / f"out_{end}.parquet").to_pandas() for end in ("parquet", "csv"))
    assert one["probability"].tolist() == other["probability"].tolist()


def test_a_killed_run_goes_on_and_leaves_what_one_run_leaves(run: Run, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole.csv", tmp_path / "killed.csv"
    small_parts(run.use_case.name, str(run.file), str(whole))
    for place in ("score_file.read", "score_file.scored"):
        assert killed_at(place, small_parts, run.use_case.name, str(run.file), str(killed)) == -9
        assert not killed.exists()
    parts = {path.name.partition("-")[0] for path in (tmp_path / "killed.csv.parts").iterdir()}
    assert {"typed", "bad", "scored"} <= parts
    small_parts(run.use_case.name, str(run.file), str(killed))
    assert killed.read_bytes() == whole.read_bytes()
    assert (tmp_path / "killed.rejected.csv").read_bytes() == (tmp_path / "whole.rejected.csv").read_bytes()
    assert not killed.with_name("killed.csv.parts").exists()


def test_a_run_that_was_interrupted_while_it_tidied_up_is_done_anew(run: Run, tmp_path: Path) -> None:
    whole, again = tmp_path / "whole.csv", tmp_path / "again.csv"
    small_parts(run.use_case.name, str(run.file), str(whole))
    assert killed_at("score_file.put_together", small_parts, run.use_case.name, str(run.file), str(again)) == -9
    for gone in ("plan.json", "typed-000000000001.arrow"):
        (tmp_path / "again.csv.parts" / gone).unlink()
    small_parts(run.use_case.name, str(run.file), str(again))
    assert again.read_bytes() == whole.read_bytes()
    assert not again.with_name("again.csv.parts").exists()


def small_parts(name: str, file: str, output: str) -> None:
    """Score in parts of 700 rows; also what a child process runs."""
    scoring.PART_ROWS = 700
    score_file(quick(load_use_case(name)), Path(file), Path(output))


def test_bad_rows_are_set_aside_with_their_reasons(run: Run, tmp_path: Path) -> None:
    lines = write_csv(run.payments.iloc[:30], tmp_path / "bad.csv").read_bytes().split(b"\r\n")
    changed = {4: b"1,2,3", 9: lines[9].replace(b",", b",x", 1)}
    time, rest = lines[12].split(b",", 1)
    changed[12] = b"-5," + rest
    changed[20] = time + b"," + b",".join([b'"0,5"', *lines[20].split(b",")[2:]])
    (tmp_path / "bad.csv").write_bytes(b"\n".join(changed.get(at, line) for at, line in enumerate(lines)))
    found = score_file(run.use_case, tmp_path / "bad.csv", tmp_path / "scores.csv")
    assert (found.rows, found.scored, found.rejected) == (30, 26, 4)
    bad = pd.read_csv(tmp_path / "scores.rejected.csv", dtype=str)
    assert bad["_line"].tolist() == ["5", "10", "13", "21"]
    for said, reason in zip(
        bad["_reasons"],
        ["has 3 fields, the header has 31", "v1: 'x", "time: '-5' makes no time", "v1: '0,5' is not a number"],
        strict=True,
    ):
        assert reason in said
    assert set(pd.read_csv(tmp_path / "scores.csv")["row"]) == set(range(1, 31)) - {4, 9, 12, 20}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"Time;V1\n1;2\n", "line 1: its header is separated by ';'"),
        (b"0.5,1.5,2.5\n0.1,2.1,3.1\n", "line 1: holds numbers only; a header line"),
        (b"Time,V1,Amount\n1,2,3\n", "line 1: column 'v2' is missing, which scoring needs"),
        (b"Time,V1\n1,\xe9\n", "line 2: byte 0xe9 at position 3 is not UTF-8"),
        (b"PAR1 or not", "is missing"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_line_and_reason(
    run: Run, tmp_path: Path, content: bytes, message: str
) -> None:
    if b"\xe9" in content:
        content = run.file.read_bytes().split(b"\r\n")[0] + b"\n" + content.split(b"\n")[1] + b"\n"
    (tmp_path / "in.csv").write_bytes(content)
    with pytest.raises(FileRejected) as refused:
        score_file(run.use_case, tmp_path / "in.csv", tmp_path / "out.csv")
    assert message in str(refused.value)
    assert not (tmp_path / "out.csv").exists()
    (tmp_path / "in.parquet").write_bytes(content)
    with pytest.raises(FileRejected, match="cannot be read as Parquet"):
        score_file(run.use_case, tmp_path / "in.parquet", tmp_path / "out.csv")


def test_a_file_is_not_overwritten_by_its_own_scores(run: Run) -> None:
    with pytest.raises(LeadmillError, match="would be overwritten"):
        score_file(run.use_case, run.file, run.file)


@pytest.fixture(scope="module")
def api(run: Run) -> Iterator[Api]:
    with serving(run.use_case) as found:
        yield found


def test_the_old_routes_answer_with_the_fields_of_the_file(run: Run, api: Api) -> None:
    sample: dict[str, Any] = run.payments.drop(columns="Class").astype(float).iloc[0].to_dict()
    client = api.client
    one = client.get("/classify_sample", params={"sample": json.dumps(sample)})
    assert one.status_code == 200, one.text
    answer = one.json()
    assert answer["prediction"]["decision"] in ("alert", "pass")
    # What follows from the payment itself is derived; of earlier ones a request knows nothing.
    assert set(answer["imputed"]) == {"hour_against_day", "amount_against_day"}
    both = client.get("/classify_batch", params={"batch": json.dumps([sample, sample | {"V3": "x"}])}).json()["results"]
    assert both[0]["prediction"]["probability"] == answer["prediction"]["probability"]
    assert "error" in both[1]
    assert client.get("/classify_random_sample").json()["features_from"] == "online"
    assert client.get("/healthcheck").json() == {"status": "ok"}
    # No Airflow runs here, which is the only thing that is missing.
    assert client.post("/train").status_code == 502
    for wrong, status in (({}, 422), ({"sample": "{"}, 400), ({"sample": "1" * 50_000}, 414)):
        assert client.get("/classify_sample", params=wrong).status_code == status
    assert client.get("/classify_sample", params={"sample": "{}"}, headers={"X-API-Key": "no"}).status_code == 401


def test_versions_are_seen_and_chosen_by_the_api(run: Run, api: Api) -> None:
    client, route = api.client, "/api/v1/fraud/models"
    (listed,) = client.get(route).json()["models"]
    assert (listed["version"], listed["serving"], listed["last_decision"]["verdict"]) == ("1", True, "promoted")
    shown = client.get(f"{route}/1").json()
    assert shown["data_fingerprint"] == shown["training"]["fingerprint"] == run.model.data_fingerprint
    assert shown["training"]["code_version"] == code_version()
    assert {"cross_validation", "holdout"} <= set(shown["metrics"])
    assert client.get(f"{route}/7").status_code == client.post(f"{route}/7/choose").status_code == 404
    reader = {"X-API-Key": api_keys.create("a reader", ["read", "score"])}
    until(lambda: client.get(route, headers=reader).is_success)
    assert client.post(f"{route}/1/choose", headers=reader).status_code == 403
    chosen = client.post(f"{route}/1/choose", json={"reason": "asked for"}).json()
    assert (chosen["verdict"], chosen["reasons"][0], chosen["champion_before"]) == ("chosen", "asked for", "1")
    assert chosen["actor"].startswith("API key ")
    assert [one["verdict"] for one in client.get(f"{route}/1").json()["decisions"]] == ["chosen", "promoted"]


def test_a_file_and_the_api_agree_on_the_same_features(run: Run, api: Api) -> None:
    row = query("SELECT * FROM features.fraud ORDER BY event_timestamp LIMIT 1")[0]
    names = [item.feature for item in model_inputs(run.use_case)]
    payload = {name: row[name] for name in names if not row.get(f"{name}_missing")}
    asked = {"payment_id": row["payment_id"], "payload": payload}
    answer = api.client.post("/api/v1/fraud/predict", json=asked).json()
    stored = query("SELECT probability FROM scores.fraud WHERE payment_id = %s", [row["payment_id"]])[0]
    assert answer["prediction"]["probability"] == pytest.approx(stored["probability"], abs=1e-9)


@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL} is not there; it may not be redistributed")
def test_the_bars_on_the_real_sample(postgres: dict[str, str]) -> None:
    """PR AUC and ROC AUC of the sample as it is; the true share after correction."""
    forget("demo", "fraud")
    use_case = load_use_case("fraud")
    load_file(use_case, REAL)
    run_etl(use_case)
    frame = training_frame(use_case)
    rows = rows_of(use_case, frame, model_inputs(use_case))
    assert (len(rows), int(rows.y.sum())) == (5393, 473)
    # What is chosen on these rows; the mean over the folds, as the reference figures are.
    found = out_of_fold(use_case, "hist_gradient_boosting", rows)
    folds = [
        point(Predictions(rows.y[judged], found[judged], rows.base_rate), np.ones(len(judged)))
        for _, judged in grouped_folds(rows.y, rows.groups)
    ]
    assert np.mean([fold["pr_auc"] for fold in folds]) >= 0.93
    assert np.mean([fold["roc_auc"] for fold in folds]) >= 0.975
    assert np.average(found, weights=rows.weight) == pytest.approx(0.00172, rel=0.2)
    forget("demo", "fraud")
