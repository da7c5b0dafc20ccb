"""What a person sees of leadmill in Airflow: pages behind the login, links, lineage, documentation."""

import json
import shutil
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import psycopg
import pytest
from demo_support import Demo

from leadmill.spec import use_case_names

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

CHROMIUM = shutil.which("chromium")
# Nothing here may look anything up outside this machine.
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ROUTES = (
    "/leadmill/",
    "/leadmill/data-docs/x_education/index.html",
    "/leadmill/raw-check/x_education/any",
    "/leadmill/features-check/x_education/any",
    "/leadmill/training/x_education/any",
)


def client(demo: Demo, user: str | None = "admin") -> httpx.Client:
    url = demo.variables()["AIRFLOW_URL"]
    headers = {}
    if user:
        passwords = json.loads((demo.state / "airflow" / "passwords.json").read_text())
        answer = httpx.post(f"{url}/auth/token", json={"username": user, "password": passwords[user]})
        headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
    return httpx.Client(base_url=url, timeout=60, headers=headers)


def working_run(demo: Demo, dag_id: str, task_id: str) -> str:
    """A run in which the task did something; a run that the watcher started may have found nothing new."""
    with demo.airflow() as airflow:
        for run in airflow.runs(dag_id):
            if any(task.task_id == task_id and task.state == "success" for task in airflow.tasks(dag_id, run.run_id)):
                return run.run_id
    raise AssertionError(f"no run of {dag_id} in which {task_id} succeeded")


def link(http: httpx.Client, dag_id: str, run_id: str, task_id: str, name: str) -> str:
    path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}/links"
    return str(http.get(path).raise_for_status().json()["extra_links"][name])


@pytest.mark.parametrize("route", ROUTES)
def test_a_page_asks_who_is_there(demo: Demo, route: str) -> None:
    with client(demo, user=None) as anonymous:
        assert anonymous.get(route).status_code == 401
        assert anonymous.get(route, headers={"Authorization": "Bearer forged"}).status_code in (401, 403)
        for method in ("POST", "PUT", "DELETE"):
            assert anonymous.request(method, route).status_code in (401, 405)


def test_a_viewer_may_read_and_nobody_leaves_the_folder(demo: Demo) -> None:
    with client(demo, user="viewer") as http:
        page = http.get("/leadmill/")
        assert page.status_code == 200
        assert "published" in page.text
        assert "script-src 'none'" in page.headers["Content-Security-Policy"]
        for path in ("%2e%2e/%2e%2e/secrets.json", "..%2f..%2fsecrets.json", "%2fetc%2fpasswd", "x_education/%00"):
            assert http.get(f"/leadmill/data-docs/{path}").status_code == 404
        assert http.get("/leadmill/training/no_such_use_case/any").status_code == 404


def test_check_tasks_link_to_the_page_of_their_batch(demo: Demo) -> None:
    run_id = working_run(demo, "x_education_etl", "check_features")
    with client(demo) as http:
        for task_id, batch in (("check_raw", "-raw"), ("check_features", "-features")):
            page = http.get(link(http, "x_education_etl", run_id, task_id, "Data Docs"), follow_redirects=True)
            assert page.status_code == 200, page.url
            assert page.url.path.endswith(f"{batch}.html")
            assert "total_visits" in page.text


def test_training_tasks_link_to_their_mlflow_run(demo: Demo) -> None:
    run_id = working_run(demo, "x_education_train", "promote")
    with client(demo) as http:
        for task_id in ("training_set", "fit", "evaluate", "gate", "promote"):
            page = http.get(link(http, "x_education_train", run_id, task_id, "MLflow run"))
            assert page.status_code == 200
        for shown in ("<th>hist_gradient_boosting</th>", "cv_roc_auc_mean", "data/frame.parquet"):
            assert shown in page.text


def test_every_dag_has_documentation_tags_and_readable_tasks(demo: Demo) -> None:
    with client(demo) as http:
        for dag_id in ("x_education_etl", "x_education_train", "x_education_score"):
            details = http.get(f"/api/v2/dags/{dag_id}/details").raise_for_status().json()
            assert "Lead Number stands in for it" in details["doc_md"]
            assert "known only after contact" in details["doc_md"]
            assert {"leadmill", "x_education"} <= {tag["name"] for tag in details["tags"]}
            tasks = http.get(f"/api/v2/dags/{dag_id}/tasks").raise_for_status().json()["tasks"]
            assert all(task["task_display_name"][0].isupper() for task in tasks)
        assert set(http.get("/api/v2/dags/x_education_etl/details").json()["params"]) == {"release_window", "reason"}


def test_lineage_goes_from_the_source_to_the_scores(demo: Demo) -> None:
    with client(demo) as http:
        assets = {asset["name"]: asset for asset in http.get("/api/v2/assets").raise_for_status().json()["assets"]}
    expected = {
        "source/x_education": ([], ["x_education_etl"]),
        "features/x_education": ["x_education_etl"],
        "model/x_education": ["x_education_train"],
        "params/x_education": ["x_education_tune"],
        "scores/x_education": ["x_education_score"],
        "drift/x_education": ["x_education_monitor"],
        "training/x_education": ["x_education_monitor"],
    }
    assert set(assets) == {f"{name.split('/')[0]}/{use_case}" for name in expected for use_case in use_case_names()}
    for name in [name for name in expected if not name.startswith("source/")]:
        assert [task["dag_id"] for task in assets[name]["producing_tasks"]] == expected[name]
    assert [dag["dag_id"] for dag in assets["source/x_education"]["scheduled_dags"]] == ["x_education_etl"]
    for name in ("features/x_education", "model/x_education"):
        assert [dag["dag_id"] for dag in assets[name]["scheduled_dags"]] == ["x_education_score"]
    assert [dag["dag_id"] for dag in assets["training/x_education"]["scheduled_dags"]] == ["x_education_train"]


def test_no_secret_and_no_frame_in_xcom_and_no_secret_in_logs(demo: Demo) -> None:
    secrets = [value for value in json.loads((demo.state / "secrets.json").read_text()).values() if len(value) > 8]
    assert len(secrets) >= 5
    url = demo.variables()["LEADMILL_DATABASE_URL"].rsplit("/", 1)[0] + "/airflow"
    with psycopg.connect(url) as connection:
        values = [str(row[0]) for row in connection.execute("SELECT value FROM xcom")]
    assert len(values) > 10
    assert max(len(value) for value in values) < 1000
    logs = [file.read_text(errors="replace") for file in demo.state.rglob("*.log")]
    assert len(logs) > 10
    for text in values + logs:
        assert not [secret[:4] for secret in secrets if secret in text]


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    if CHROMIUM is None:
        pytest.skip("Debian's chromium is not installed (see .ci/apt-packages.txt)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)


def test_a_person_logs_in_and_finds_runs_documentation_and_windows(demo: Demo, browser: object) -> None:
    variables = demo.variables()
    url = variables["AIRFLOW_URL"]
    page = browser.new_page(viewport={"width": 1400, "height": 900})  # type: ignore[attr-defined]
    page.goto(f"{url}/dags/x_education_etl")
    page.fill("input[name=username]", variables["AIRFLOW_USER"])
    page.fill("input[name=password]", variables["AIRFLOW_PASSWORD"])
    page.click("button[type=submit]")
    page.wait_for_url(f"{url}/**")
    page.goto(f"{url}/dags/x_education_etl")
    page.get_by_text("Extract from the warehouse").first.wait_for(timeout=60_000)
    page.get_by_text("Check the raw rows").first.wait_for()
    page.get_by_role("button", name="Dag Docs").click()
    page.get_by_text("Lead Number stands in for it").first.wait_for()
    page.goto(f"{url}/plugin/leadmill")
    frame = page.frame_locator("iframe")
    frame.get_by_role("heading", name="Windows").wait_for(timeout=60_000)
    frame.get_by_role("link", name="raw").first.wait_for()
