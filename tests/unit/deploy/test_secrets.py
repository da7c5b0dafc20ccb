import json
import stat
import subprocess
from pathlib import Path

import pytest
from compose_support import ROOT, compose
from cryptography.fernet import Fernet

SCRIPT = ROOT / "deploy" / "make-secrets.sh"


def make(folder: Path) -> dict[str, str]:
    subprocess.run(["sh", str(SCRIPT), str(folder)], check=True, capture_output=True, env={"PATH": "/usr/bin:/bin"})
    return {file.name: file.read_text() for file in folder.iterdir()}


@pytest.fixture
def made(tmp_path: Path) -> dict[str, str]:
    return make(tmp_path / "secrets")


def test_every_secret_of_the_compose_file_is_made(made: dict[str, str]) -> None:
    files = {Path(one["file"]).name for one in compose()["secrets"].values()}
    # The first passwords of Airflow's users are for people: the services read them from airflow_passwords.json.
    assert set(made) == files | {"airflow_admin_password", "airflow_viewer_password"}


def test_nobody_else_gets_into_the_folder(made: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o644}


def test_no_value_ends_with_a_line_end(made: dict[str, str]) -> None:
    """Airflow takes what a _CMD prints as it is: a line's end would become part of a database's name."""
    assert [name for name, text in made.items() if text != text.strip() or not text] == []


def test_the_passwords_all_differ(made: dict[str, str]) -> None:
    passwords = [text for name, text in made.items() if name.endswith("_password")]
    assert len(set(passwords)) == len(passwords) == 10
    assert min(map(len, passwords)) == 32


def test_what_is_there_stays(made: dict[str, str], tmp_path: Path) -> None:
    assert make(tmp_path / "secrets") == made


def test_a_deleted_password_is_made_anew_together_with_what_contains_it(made: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "secrets" / "redis_password").unlink()
    again = make(tmp_path / "secrets")
    assert {name for name in made if made[name] != again[name]} == {
        "redis_password",
        "redis.conf",
        "airflow_broker_url",
    }


def test_connections_that_somebody_edited_stay(made: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "secrets" / "airflow_connections.json"
    file.write_text('{"warehouse": "postgresql://customer"}')
    assert make(tmp_path / "secrets")["airflow_connections.json"] == '{"warehouse": "postgresql://customer"}'


def test_keys_and_documents_can_be_read(made: dict[str, str]) -> None:
    Fernet(made["airflow_fernet_key"])
    assert json.loads(made["airflow_passwords.json"]) == {
        "admin": made["airflow_admin_password"],
        "viewer": made["airflow_viewer_password"],
    }
    assert list(json.loads(made["airflow_connections.json"])) == ["warehouse"]
    assert made["leadmill_password"] in made["leadmill_database_url"]
