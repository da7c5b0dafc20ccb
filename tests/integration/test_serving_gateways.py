"""The scoring API behind others: a real nginx over two services, and Lambda's events."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway_events import event_v1, event_v2
from serving_support import ROUTE, Api, free_port, served_training, serving
from support import query, until

ROOT = Path(__file__).parents[2]
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


@pytest.fixture(scope="module")
def api(postgres: dict[str, str]) -> Iterator[Api]:
    with served_training("logistic_regression") as one:
        yield one


@pytest.fixture(scope="module")
def key(api: Api) -> str:
    found: str = query("SELECT lead_id FROM scores.x_education LIMIT 1")[0]["lead_id"]
    return found


@pytest.fixture
def second(api: Api) -> Iterator[Api]:
    with serving(api.state.served["x_education"].use_case, api.key) as one:
        yield one


@pytest.fixture
def gateway(api: Api, second: Api, tmp_path: Path) -> Iterator[httpx.Client]:
    """The example's nginx before both services."""
    port, text = free_port(), (ROOT / "deploy" / "nginx" / "leadmill.conf").read_text()
    certificate = ["-keyout", str(tmp_path / "leadmill.key"), "-out", str(tmp_path / "leadmill.crt")]
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
            *certificate,
        ],
        check=True,
        capture_output=True,
    )
    here = {
        "127.0.0.1:8001": api.url.removeprefix("http://"),
        "127.0.0.1:8002": second.url.removeprefix("http://"),
        "listen 8443": f"listen 127.0.0.1:{port}",
        "/etc/nginx/": f"{tmp_path}/",
    }
    for there, ours in here.items():
        assert there in text
        text = text.replace(there, ours)
    paths = "".join(
        f"{part}_temp_path {tmp_path}/{part};" for part in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}} http {{ access_log off; {paths} {text} }}"
    )
    process = subprocess.Popen(
        [str(NGINX), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-g", "daemon off;"]
    )
    headers = {"Authorization": f"Bearer {api.key}"}
    try:
        with httpx.Client(
            base_url=f"https://127.0.0.1:{port}", headers=headers, trust_env=False, verify=False
        ) as client:

            def up() -> bool:
                try:
                    return client.get("/healthz").is_success
                except httpx.HTTPError:
                    return False

            until(up)
            yield client
    finally:
        process.terminate()
        process.wait(timeout=10)


def answered(api: Api) -> float:
    lines = api.client.get("/metrics").text.splitlines()
    found = [line for line in lines if "api_requests_total" in line and f'route="{ROUTE}/predict"' in line]
    return sum(float(line.split()[-1]) for line in found)


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_nginx_balances_over_two_services_and_outlives_one(
    gateway: httpx.Client, api: Api, second: Api, key: str
) -> None:
    before = answered(api), answered(second)
    for _ in range(20):
        assert gateway.post(f"{ROUTE}/predict", json={"lead_id": key}).is_success
    assert answered(api) - before[0] >= 5
    assert answered(second) - before[1] >= 5
    assert gateway.get("/metrics").status_code == 404
    assert gateway.get("/docs").status_code == 404
    second.stop()
    for _ in range(20):
        assert gateway.post(f"{ROUTE}/predict", json={"lead_id": key}).is_success


@pytest.fixture(scope="module")
def function(api: Api) -> Iterator[Any]:
    from leadmill.serving import aws

    yield aws.handler
    made = aws._function()
    made.loop.run_until_complete(made.state.stop())
    made.loop.close()
    aws._function.cache_clear()


@pytest.mark.parametrize("event", [event_v1, event_v2])
@pytest.mark.parametrize("encoded", [False, True])
def test_lambda_answers_what_the_service_answers(api: Api, key: str, function: Any, event: Any, encoded: bool) -> None:
    headers = {"content-type": "application/json", "x-api-key": api.key}
    found = function(event(json.dumps({"lead_id": key}), headers, f"{ROUTE}/predict", encoded), None)
    assert found["statusCode"] == 200, found
    answer = json.loads(found["body"])
    assert answer["prediction"] == api.predict(key)["prediction"]
    # Written before the container may be frozen.
    assert query("SELECT 1 FROM ops.predictions WHERE request_id = %s", [answer["request_id"]])
    refused = function(event("{}", {"content-type": "application/json"}, f"{ROUTE}/predict"), None)
    assert (refused["statusCode"], json.loads(refused["body"])["status"]) == (401, 401)


def test_the_template_passes_on_what_needs_a_key_alone() -> None:
    text = (ROOT / "deploy" / "aws" / "template.yaml").read_text()
    routes = [
        line.partition("RouteKey:")[2].split(", Target")[0].strip(' "')
        for line in text.splitlines()
        if "RouteKey" in line
    ]
    assert routes == ["ANY /api/{proxy+}", "GET /healthz"]


def test_the_template_is_accepted_by_cfn_lint() -> None:
    template = ROOT / "deploy" / "aws" / "template.yaml"
    linter = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([str(linter), str(template)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
