"""The alert rules: they ask for what leadmill tells, and promtool sees them fire and rest."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_support import ROOT

from leadmill.monitoring.metrics import SOURCES

FILE = ROOT / "deploy" / "prometheus" / "rules.yml"
RULES: list[dict[str, Any]] = [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]
LABELS = {name: source.labels for source in SOURCES for name in source.gauges}

QUIET = {
    'leadmill_drift_alarm{use_case="leads",subject="city"}': 0,
    'leadmill_open_alerts{use_case="leads",watch="drift"}': 1,
    'leadmill_stage_late{use_case="leads",stage="publish"}': 0,
    'leadmill_blocked_windows{use_case="leads"}': 0,
    'leadmill_band_ratio{use_case="leads",band="A"}': 0.12,
    'leadmill_band_promised_ratio{use_case="leads",band="A"}': 0.1,
    'leadmill_stage_started_timestamp_seconds{use_case="leads",stage="drift"}': 0,
}
TROUBLE = {
    'leadmill_drift_alarm{use_case="leads",subject="city"}': 1,
    'leadmill_open_alerts{use_case="leads",watch="performance"}': 1,
    'leadmill_stage_late{use_case="leads",stage="publish"}': 1,
    'leadmill_blocked_windows{use_case="leads"}': 1,
    'leadmill_band_ratio{use_case="leads",band="A"}': 0.3,
}


def test_every_rule_asks_for_metrics_and_labels_that_exist_and_says_what_to_do() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES) == 6
    for rule in RULES:
        asked = set(re.findall(r"leadmill_\w+", rule["expr"]))
        assert asked
        assert asked <= set(LABELS), rule["alert"]
        text = rule["annotations"]["summary"] + rule["annotations"]["description"]
        named = set(re.findall(r"\$labels\.(\w+)", text)) | set(re.findall(r"(\w+)=", rule["expr"]))
        assert named <= set.intersection(*(set(LABELS[name]) for name in asked)), rule["alert"]
        assert rule["labels"]["severity"] in ("info", "warning", "critical")


def test_prometheus_loads_the_rules() -> None:
    assert yaml.safe_load((FILE.parent / "prometheus.yml").read_text())["rule_files"] == [FILE.name]
    mounted = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]["prometheus"]["volumes"]
    assert "./deploy/prometheus/rules.yml:/etc/prometheus/rules.yml:ro" in mounted


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian package prometheus) is not installed")
def test_promtool_sees_each_alert_fire_in_trouble_and_none_in_quiet(tmp_path: Path) -> None:
    checks = [{"eval_time": "26h", "alertname": rule["alert"]} for rule in RULES]
    quiet = [*checks[:-1]]
    series = [
        (QUIET, quiet),
        (
            QUIET | TROUBLE,
            [{**check, "exp_alerts": [_expected(rule)]} for check, rule in zip(quiet, RULES, strict=False)],
        ),
        (QUIET, [{**checks[-1], "eval_time": "49h", "exp_alerts": [_expected(RULES[-1])]}]),
    ]
    tests = [
        {
            "interval": "5m",
            "input_series": [{"series": name, "values": f"{value}x600"} for name, value in values.items()],
            "alert_rule_test": wanted,
        }
        for values, wanted in series
    ]
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(FILE)], "tests": tests}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _expected(rule: dict[str, Any]) -> dict[str, Any]:
    """The alert as promtool wants it: labels of the series, and the annotations with them filled in."""
    (series,) = [name for name in {**QUIET, **TROUBLE} if name.startswith(_first(rule) + "{") and _fits(rule, name)]
    labels = dict(re.findall(r'(\w+)="(\w+)"', series))
    values = {"LeadmillNobodyWatches": "2d 1h 0m 0s"}
    filled = {}
    for name, text in rule["annotations"].items():
        text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels[found[1]], text)
        filled[name] = re.sub(r"\{\{ \$value \| humanizeDuration \}\}", values.get(rule["alert"], ""), text)
    return {"exp_labels": labels | rule["labels"], "exp_annotations": filled}


def _first(rule: dict[str, Any]) -> str:
    return re.findall(r"leadmill_\w+", rule["expr"])[0]


def _fits(rule: dict[str, Any], series: str) -> bool:
    wanted = re.search(r"\{(.+?)\}", rule["expr"])
    return wanted is None or wanted[1] in series
