"""docker-compose.yaml read as text: what a container engine would not complain about and a person would."""

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_support import FILE, ROOT, compose

from leadmill.local import environment
from leadmill.local.airflow_settings import airflow_variables
from leadmill.local.credentials import Credentials
from leadmill.local.ports import Ports
from leadmill.local.postgres import SERVER_SETTINGS
from leadmill.local.state import StateFolder

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
# These run to their end.
ENDING = {"prepare", "load"}
LASTING = sorted(set(SERVICES) - ENDING)
BY_DEFAULT = sorted(name for name, one in SERVICES.items() if "profiles" not in one)
AIRFLOW = SERVICES["scheduler"]["environment"]
MEBIBYTES = {"m": 1, "g": 1024}

# Where a container differs from the embedded default on purpose.
AIRFLOW_DIFFERS = {
    "AIRFLOW_HOME": "a folder of the image",
    "AIRFLOW__CORE__DAGS_FOLDER": "a folder of the image",
    "AIRFLOW__CORE__PLUGINS_FOLDER": "a folder of the image",
    "AIRFLOW__CORE__EXECUTOR": "Celery workers",
    "AIRFLOW__CORE__PARALLELISM": "each worker has its own limit",
    "AIRFLOW__CORE__DEFAULT_POOL_TASK_SLOT_COUNT": "each worker has its own limit",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "another container",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": "a copy of a secret",
    "AIRFLOW__API__HOST": "published on 127.0.0.1 by Docker",
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": "the only folder that can be written",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER": "a volume",
}
POSTGRES_DIFFERS = {
    "listen_addresses": "other containers",
    "unix_socket_directories": "the image's tools use the socket",
    "max_connections": "more workers",
    "shared_buffers": "a machine for this alone",
    "wal_level": "physical backups",
    "max_wal_senders": "physical backups",
}
LEADMILL_ABSENT = {
    "LEADMILL_READER_URL": "a convenience of the embedded default's shell",
    "LEADMILL_API_URL": "the scoring API is a container of its own",
    "LEADMILL_API_KEY": "whoever runs containers makes keys for his clients",
    "LEADMILL_WAREHOUSE_URL": "only the loader writes into the warehouse",
}


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    state = StateFolder(tmp_path_factory.mktemp("state"))
    return environment.variables(Path("/checkout"), state, Credentials(), Ports(5432, 8080))


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_compose_accepts_the_file() -> None:
    for profiles in ([], ["--profile", "api", "--profile", "demo"]):
        command = ["docker-compose", "--file", str(FILE), *profiles, "config", "--quiet"]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stderr) == (0, "")


def test_ports_are_published_on_loopback_only() -> None:
    published = [port for one in SERVICES.values() for port in one.get("ports", [])]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    # The image of leadmill has a user of its own; the others say it here.
    assert "build" in service or service["user"] not in ("root", "0", "")


@pytest.mark.parametrize("name", LASTING)
def test_every_lasting_service_has_a_health_check_a_restart_and_a_limit(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])


def test_everything_fits_into_eight_gibibytes() -> None:
    limits = [SERVICES[name]["mem_limit"] for name in BY_DEFAULT if name not in ENDING]
    assert sum(int(one[:-1]) * MEBIBYTES[one[-1]] for one in limits) <= 8 * 1024


def test_images_have_exact_versions() -> None:
    for name, service in SERVICES.items():
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z]+)?$", service["image"]), name
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", bases[0])


def test_a_worker_can_be_scaled() -> None:
    assert not {"container_name", "ports", "hostname"} & set(SERVICES["worker"])


def test_dependencies_wait_for_what_their_condition_names() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            ends = how["condition"] == "service_completed_successfully"
            assert ends == (other in ENDING), f"{name} -> {other}"


def test_services_get_the_secrets_that_they_read_and_no_other_is_declared() -> None:
    declared = compose()["secrets"]
    for name, service in SERVICES.items():
        given = set(service.get("secrets", []))
        assert given <= set(declared), name
        command = json.dumps([service.get(key) for key in ("command", "healthcheck")])
        read = set(re.findall(r"/run/secrets/([\w.]+)", command)) - {""}
        assert read <= given, f"{name} reads {read - given}"
    assert set().union(*(service.get("secrets", []) for service in SERVICES.values())) == set(declared)


def test_no_variable_holds_a_secret() -> None:
    suspicious = re.compile(r"PASSWORD|PASS$|SECRET|KEY|CONN|_URL")
    by_address = {"AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "AIRFLOW__API__BASE_URL", "AIRFLOW_URL"}
    harmless = by_address | {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"}
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if suspicious.search(variable) and variable not in harmless | {"AIRFLOW__SECRETS__BACKEND"}:
                assert "/run/secrets/" in value, f"{name}: {variable}"
            assert not re.search(r"://[^/@]*:[^/@]+@", value), f"{name}: {variable}"


def test_airflow_is_set_up_as_in_the_embedded_default(tmp_path: Path) -> None:
    wanted = airflow_variables(Path("/checkout"), StateFolder(tmp_path), Credentials(), Ports(5432, 8080))
    for name, value in wanted.items():
        if f"{name}_CMD" in AIRFLOW:
            assert AIRFLOW[f"{name}_CMD"].startswith("cat /run/secrets/")
        elif name in AIRFLOW_DIFFERS:
            assert AIRFLOW[name] != value, f"{name} is the same: take it out of AIRFLOW_DIFFERS"
        else:
            assert AIRFLOW[name] == value, name


def test_leadmill_is_set_up_as_in_the_embedded_default(embedded: dict[str, str]) -> None:
    for name in embedded:
        if name.startswith("LEADMILL_") and name not in LEADMILL_ABSENT:
            assert (name in AIRFLOW) != (f"{name}_FILE" in AIRFLOW), name
    assert {name: AIRFLOW[name] for name in environment.QUIET} == environment.QUIET


def test_every_airflow_setting_exists() -> None:
    """Airflow ignores a misspelt setting in silence."""
    from airflow.providers.celery.get_provider_info import get_provider_info

    spec = importlib.util.find_spec("airflow")
    assert spec is not None
    assert spec.origin is not None
    known = yaml.safe_load((Path(spec.origin).parent / "config_templates" / "config.yml").read_text())
    known |= get_provider_info()["config"]
    for name in AIRFLOW:
        if name.startswith("AIRFLOW__"):
            section, option = name.removeprefix("AIRFLOW__").lower().split("__")
            options = known[section]["options"]
            assert option in options or options[option.removesuffix("_cmd")]["sensitive"] is True, name


def test_postgres_is_set_up_as_in_the_embedded_default(postgres: dict[str, str]) -> None:
    import psycopg

    command = SERVICES["postgres"]["command"]
    given = dict(one.removeprefix("-c").split("=", 1) for one in command[1:])
    for name, value in SERVER_SETTINGS.items():
        if name in POSTGRES_DIFFERS:
            assert given.get(name) != value, f"{name} is the same: take it out of POSTGRES_DIFFERS"
        else:
            assert given[name] == value, name
    with psycopg.connect(postgres["LEADMILL_DATABASE_URL"]) as connection:
        known = {name for (name,) in connection.execute("SELECT lower(name) FROM pg_settings")}
    assert set(given) <= known


def test_the_example_of_the_settings_names_every_default() -> None:
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", FILE.read_text()))
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert dict(line.split("=", 1) for line in lines if line and not line.startswith("#")) == defaults


def test_the_builder_sees_what_the_image_copies_and_nothing_secret() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!").rstrip("/") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)
    assert not {"secrets", ".git", ".venv", ".leadmill", ".env"} & allowed
