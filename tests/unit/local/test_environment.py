import importlib.util
from pathlib import Path

import pytest
import yaml

from leadmill.local import environment
from leadmill.local.credentials import Credentials
from leadmill.local.ports import Ports
from leadmill.local.state import StateFolder


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    return environment.variables(Path("/checkout"), StateFolder(tmp_path), Credentials(), Ports(5001, 8001))


def test_every_airflow_setting_exists_in_this_airflow(variables: dict[str, str]) -> None:
    """Airflow ignores a misspelt setting in silence."""
    spec = importlib.util.find_spec("airflow")
    assert spec is not None
    assert spec.origin is not None
    known = yaml.safe_load((Path(spec.origin).parent / "config_templates" / "config.yml").read_text())
    for name in variables:
        if name.startswith("AIRFLOW__"):
            section, option = name.removeprefix("AIRFLOW__").lower().split("__")
            assert option in known[section]["options"], name


def test_addresses_are_on_loopback(variables: dict[str, str]) -> None:
    for name, value in variables.items():
        if "://" in value:
            ours = ("http://127.0.0.1:8001", "http://127.0.0.1:8000")
            assert "127.0.0.1:5001/" in value or value.startswith(ours), name


def test_the_pipeline_reads_the_warehouse_as_the_reader_only(variables: dict[str, str]) -> None:
    assert variables["AIRFLOW_CONN_WAREHOUSE"].startswith("postgresql://leadmill_source:")
    assert variables["LEADMILL_WAREHOUSE_URL"].startswith("postgresql://warehouse:")


def test_nothing_phones_home(variables: dict[str, str]) -> None:
    assert variables["GX_ANALYTICS_ENABLED"] == "false"
    assert variables["FEAST_USAGE"] == "False"
    assert variables["MLFLOW_DISABLE_TELEMETRY"] == "true"
