"""The dashboards, the data sources, the scrape configuration and the rules fit what is there to be asked."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from compose_support import ROOT, compose

DEPLOY = ROOT / "deploy"
DASHBOARDS: dict[str, dict[str, Any]] = {
    file.stem: json.loads(file.read_text()) for file in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
}
PANELS = [panel for one in DASHBOARDS.values() for panel in one["panels"] if panel["type"] != "row"]
QUERIES = [target["rawSql"] for panel in PANELS for target in panel["targets"] if "rawSql" in target]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"] if "expr" in target]
SOURCES = yaml.safe_load((DEPLOY / "grafana" / "provisioning" / "datasources" / "leadmill.yaml").read_text())


@pytest.mark.parametrize("query", QUERIES)
def test_the_role_for_people_can_run_every_query(postgres: dict[str, str], query: str) -> None:
    plain = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN now() - interval '1 day' AND now()", query)
    assert "$" not in plain
    with psycopg.connect(postgres["LEADMILL_READER_URL"]) as reader:
        reader.execute(plain.encode())


def test_every_panel_asks_a_provisioned_source_and_says_what_it_shows() -> None:
    known = {source["uid"]: source["type"] for source in SOURCES["datasources"]}
    for panel in PANELS:
        assert known[panel["datasource"]["uid"]] == panel["datasource"]["type"], panel["title"]
        assert panel["description"], panel["title"]


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_panels_do_not_lie_on_each_other(name: str) -> None:
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in DASHBOARDS[name]["panels"])
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_sources_and_targets_are_services_of_the_compose_file() -> None:
    services = set(compose()["services"])
    hosts = [re.sub(r"^\w+://", "", source["url"]).split(":")[0] for source in SOURCES["datasources"]]
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    hosts += [target.split(":")[0] for job in scraped for one in job["static_configs"] for target in one["targets"]]
    assert set(hosts) - {"localhost"} <= services


def test_secrets_of_the_sources_are_mounted() -> None:
    text = (DEPLOY / "grafana" / "provisioning" / "datasources" / "leadmill.yaml").read_text()
    read = set(re.findall(r"\$__file\{/run/secrets/(\w+)\}", text))
    assert read
    assert read <= set(compose()["services"]["grafana"]["secrets"])


def test_airflow_metrics_of_the_dashboard_exist() -> None:
    """Their names as statsd-exporter writes them: what Airflow documents, with underscores for dots."""
    import airflow

    template = Path(airflow.__path__[0]) / "_shared" / "observability" / "metrics" / "metrics_template.yaml"
    documented = {
        "airflow_" + re.sub(r"\W", "_", metric["name"]) for metric in yaml.safe_load(template.read_text())["metrics"]
    }
    asked = {name for one in EXPRESSIONS for name in re.findall(r"airflow_\w+", one)}
    assert asked
    assert asked <= documented


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian package prometheus) is not installed")
def test_prometheus_accepts_its_configuration(tmp_path: Path) -> None:
    file = DEPLOY / "prometheus" / "prometheus.yml"
    subprocess.run(["promtool", "check", "config", str(file)], check=True, capture_output=True)
    rules = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(EXPRESSIONS)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    subprocess.run(["promtool", "check", "rules", str(tmp_path / "rules.yml")], check=True, capture_output=True)
