import base64
import json
import stat
from pathlib import Path

import pytest

from leadmill.local import credentials


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = credentials.load_or_create(file)
    assert credentials.load_or_create(file) == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_every_secret_is_its_own(tmp_path: Path) -> None:
    credentials.load_or_create(tmp_path / "secrets.json")
    values = json.loads((tmp_path / "secrets.json").read_text()).values()
    assert len(set(values)) == len(values)
    assert all(len(value) >= 32 for value in values)


def test_fernet_key_is_one() -> None:
    assert len(base64.urlsafe_b64decode(credentials.Credentials().airflow_fernet_key)) == 32


def test_secrets_have_no_repr() -> None:
    one = credentials.Credentials()
    assert one.leadmill not in repr(one)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"postgres": "x"}', '{"postgres": 1}'])
def test_damaged_secrets_say_what_to_do(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(text)
    with pytest.raises(credentials.BrokenSecrets, match=r"secrets\.json cannot be used.*reset"):
        credentials.load_or_create(file)
