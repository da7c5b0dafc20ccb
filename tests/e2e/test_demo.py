"""The demo as a user has it: the command line, real Postgres, real Airflow processes, real Feast."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from demo_support import ROOT, ROWS, Demo

from leadmill.demo.generator import later_leads

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

REAL = ROOT.parent / "shared" / "data" / "x_education" / "Leads.csv"
OPEN_WINDOWS = "SELECT count(*) AS n FROM ops.windows WHERE status <> 'published'"


def within(seconds: float, done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True


def figures(report: dict[str, Any], candidate: str) -> dict[str, Any]:
    return next(one for one in report["models"]["cross_validation"] if one["candidate"] == candidate)


def started_runs(demo: Demo) -> set[tuple[str, str]]:
    return {(run.dag_id, run.run_id) for run in demo.runs() if run.dag_id.startswith("x_education")}


def test_the_demo_accounts_for_every_row_and_scores_every_accepted_lead(demo: Demo) -> None:
    accounting = demo.report["accounting"]
    assert accounting["read"] == accounting["accepted"] + accounting["rejected"] + accounting["already_seen"] == ROWS
    assert accounting["scored"] == accounting["published"] == accounting["accepted"]
    assert demo.rows(OPEN_WINDOWS) == [{"n": 0}]


def test_the_best_leads_are_the_best_of_the_scores_table(demo: Demo) -> None:
    best = demo.report["best"]
    stored = demo.rows(
        "SELECT lead_id, lead_score, band FROM scores.x_education ORDER BY probability DESC, lead_id LIMIT 10"
    )
    assert [(one["key"], one["score"], one["band"]) for one in best] == [tuple(row.values()) for row in stored]
    assert all(one["band"] == "A" and len(one["features"]) == 5 for one in best)


def test_every_candidate_is_shown_with_its_clean_variant(demo: Demo) -> None:
    models = demo.report["models"]
    candidates = ["logistic_regression", "random_forest", "hist_gradient_boosting"]
    assert [one["candidate"] for one in models["cross_validation"]] == candidates
    assert models["candidate"] in candidates
    for candidate in candidates:
        found = figures(demo.report, candidate)
        assert 0.8 < found["variants"]["clean"]["roc_auc"]["mean"] < found["metrics"]["roc_auc"]["mean"] < 0.97
    assert models["alarms"] == []


def test_the_stages_ran_as_airflow_runs_and_scoring_started_by_itself(demo: Demo) -> None:
    ran = {one["dag_id"] for one in demo.report["timings"]} - {""}
    assert ran == {"x_education_etl", "x_education_train", "x_education_score"}
    kinds = {run.dag_id: run.run_type for run in demo.runs() if run.state == "success"}
    assert kinds["x_education_score"] == "asset_triggered"
    assert not [run for run in demo.runs() if run.state == "failed"]


def test_the_printed_end_says_where_to_look(demo: Demo) -> None:
    shown = demo("demo", "x_education").stdout
    for expected in (
        "Best leads",
        "Champion: version",
        f"{ROWS:,} read = ",
        "Lead Number stands in for it",
        "in-sample",
        demo.variables()["AIRFLOW_URL"],
        "password",
        'psql "$LEADMILL_READER_URL" -c "SELECT lead_id, lead_score, band FROM scores.x_education',
        "./leadmill features get x_education",
        "./leadmill down",
    ):
        assert expected in shown
    line = next(line for line in shown.splitlines() if line.startswith("psql")).removeprefix("psql").strip()
    command = line.replace("./leadmill env", f"{sys.executable} -m leadmill env")
    environment = {"LEADMILL_STATE": str(demo.state), "PATH": "/usr/bin:/bin"}
    answer = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert demo.report["best"][0]["key"] in answer.stdout


def test_demo_again_repeats_nothing(demo: Demo) -> None:
    before = started_runs(demo)
    again = demo.json("demo", "x_education", "--leads", str(ROWS))
    assert again["best"] == demo.report["best"]
    assert again["accounting"] == demo.report["accounting"]
    assert {one["dag_id"] for one in again["timings"]} == {""}
    assert started_runs(demo) == before


def test_features_and_score_of_one_lead_agree_with_what_was_published(demo: Demo) -> None:
    key = demo.report["best"][3]["key"]
    (features,) = demo.json("features", "get", "x_education", key)
    (stored,) = demo.rows(f"SELECT * FROM features.x_education_latest WHERE lead_id = '{key}'")
    shared = set(features) & set(stored) - {"event_timestamp"}
    assert len(shared) > 40
    assert {name: features[name] for name in shared} == {name: stored[name] for name in shared}
    (scored,) = demo.json("score", "x_education", key)
    (published,) = demo.rows(f"SELECT * FROM scores.x_education WHERE lead_id = '{key}'")
    assert (scored["lead_score"], scored["band"]) == (published["lead_score"], published["band"])
    assert scored["probability"] == pytest.approx(published["probability"], abs=1e-12)
    assert scored["model_version"] == published["model_version"]
    assert [one["sentence"] for one in scored["reasons"]] == [one["sentence"] for one in published["reasons"]]
    points = sum(one["points"] for one in published["reasons"])
    assert scored["base"] + points == pytest.approx(1000 * published["probability"], abs=1e-6)
    assert demo.report["best"][3]["reason"] == published["reasons"][0]["sentence"]


def test_an_unknown_key_ends_with_1_and_says_so(demo: Demo) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    for command in (("features", "get"), ("score",)):
        result = demo(*command, "x_education", unknown, code=1)
        assert f"has no lead {unknown}" in result.stderr


def test_models_are_listed_and_shown(demo: Demo) -> None:
    (listed,) = demo.json("model", "list", "x_education")["models"]
    assert listed["serving"]
    shown = demo.json("model", "show", "x_education")
    assert shown["model"]["version"] == listed["model"]["version"] == demo.report["models"]["version"]
    assert [one["verdict"] for one in shown["decisions"]] == ["promoted"]
    assert "Bands: A from" in demo("model", "show", "x_education").stdout
    assert "has no model version 99" in demo("model", "show", "x_education", "99", code=1).stderr


def test_the_feast_cli_and_sdk_work_from_the_feature_repo(demo: Demo) -> None:
    key = demo.report["best"][0]["key"]
    script = f"""
from feast import FeatureStore
store = FeatureStore(".")
service = store.get_feature_service("x_education")
print(store.get_online_features(service, [{{"lead_id": "{key}"}}]).to_dict())
"""
    environment = {**demo.variables(), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(demo.folder)}
    for command, expected in (
        (["feast", "feature-services", "list"], "x_education"),
        ([sys.executable, "-c", script], key),
    ):
        result = subprocess.run(
            command, cwd=ROOT / "feature_repo", env=environment, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr
        assert expected in result.stdout


def test_a_later_file_reaches_features_and_scores_untouched_by_hand(demo: Demo) -> None:
    before = started_runs(demo)
    later = later_leads(demo.leads, new=20, changed=10)
    summary = demo.json("load", "x_education", demo.write(later, "later.csv"))
    assert (summary["new"], summary["changed"], summary["unchanged"]) == (20, 10, 0)
    assert within(60, lambda: any(dag == "x_education_etl" for dag, _ in started_runs(demo) - before))
    history = "SELECT count(*) AS n FROM scores.x_education_history"
    assert within(300, lambda: demo.rows(history) == [{"n": ROWS + 30}])
    new = ", ".join(f"'{key}'" for key in later["Prospect ID"])
    (count,) = demo.rows(f"SELECT count(*) AS n FROM scores.x_education WHERE lead_id IN ({new})")
    assert count["n"] == 30
    changed = later.iloc[-1]
    (online,) = demo.json("features", "get", "x_education", changed["Prospect ID"])
    assert online["total_time_spent_on_website"] == int(changed["Total Time Spent on Website"])
    assert all(run.run_type == "asset_triggered" for run in demo.runs() if (run.dag_id, run.run_id) not in before)


def test_a_failed_task_is_named_with_its_error_and_changes_nothing_published(demo: Demo) -> None:
    scores = demo.rows("SELECT * FROM scores.x_education ORDER BY lead_id")
    broken = later_leads(demo.leads, new=30, changed=0, seed=11).assign(**{"Prospect ID": "no key"})
    demo("load", "x_education", demo.write(broken, "broken.csv"))
    result = demo("demo", "x_education", code=1)
    assert "x_education_etl: the task 'Check the raw rows' failed." in result.stderr
    assert "30 of 30 rows rejected" in result.stderr
    assert f"{demo.variables()['AIRFLOW_URL']}/dags/x_education_etl/runs/" in result.stderr
    assert demo.rows("SELECT * FROM scores.x_education ORDER BY lead_id") == scores
    # The next load extends the window; enough good rows bring the rejected share under the limit.
    good = later_leads(demo.leads, new=200, changed=0, seed=12)
    demo("load", "x_education", demo.write(good, "good.csv"))
    found = demo.json("demo", "x_education")["accounting"]
    assert (found["rejected"], found["scored"]) == (30, len(scores) + 200)
    assert found["read"] == found["accepted"] + found["rejected"] + found["already_seen"]


def test_demo_after_down_starts_the_services_and_repeats_nothing(demo: Demo) -> None:
    demo("down")
    runs_before = demo.report["models"]["version"]
    again = demo.json("demo", "x_education", "--no-stay")
    assert again["models"]["version"] == runs_before
    assert {one["dag_id"] for one in again["timings"]} == {""}
    assert demo("status", code=1).stdout.startswith(str(demo.state))


def test_the_real_file_after_reset(demo: Demo) -> None:
    if not REAL.exists():
        pytest.skip("the real file is not on this machine")
    demo("reset", "--yes")
    report = demo.json("demo", "x_education", "--data", str(REAL))
    demo.report, demo.leads = report, pd.read_csv(REAL, dtype=str, keep_default_na=False)
    accounting = report["accounting"]
    assert accounting["read"] == accounting["accepted"] + accounting["rejected"] == 9240
    assert accounting["scored"] == accounting["accepted"]
    boosted = figures(report, "hist_gradient_boosting")
    assert 0.90 <= boosted["metrics"]["roc_auc"]["mean"] < 0.97
    assert boosted["variants"]["clean"]["roc_auc"]["mean"] >= 0.87
    assert boosted["variants"]["clean"]["brier"]["mean"] <= 0.137
