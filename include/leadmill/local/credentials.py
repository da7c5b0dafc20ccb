"""Generated passwords and keys of one local stack, kept in ``secrets.json`` (0600)."""

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from leadmill.errors import LeadmillError


class BrokenSecrets(LeadmillError):
    """secrets.json is there but cannot be used."""

    def __init__(self, file: Path, reason: str) -> None:
        self.file = file
        super().__init__(
            f"{file} cannot be used: {reason}. Put the original back, or start afresh with './leadmill reset' "
            "(that deletes the local databases)."
        )


def _password() -> str:
    # Hex needs no quoting in URLs, JSON, shells or libpq strings.
    return secrets.token_hex(16)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True, repr=False)
class Credentials:
    """One value per secret; never printed as a whole (no repr)."""

    postgres: str = field(default_factory=_password)
    leadmill: str = field(default_factory=_password)
    warehouse: str = field(default_factory=_password)
    leadmill_source: str = field(default_factory=_password)
    leadmill_reader: str = field(default_factory=_password)
    airflow_admin: str = field(default_factory=_password)
    airflow_viewer: str = field(default_factory=_password)
    airflow_api_secret: str = field(default_factory=_password)
    airflow_jwt_secret: str = field(default_factory=lambda: secrets.token_hex(32))
    airflow_fernet_key: str = field(default_factory=_fernet_key)


def write_private(file: Path, text: str) -> None:
    """Replace ``file`` by ``text`` in one step, readable by its owner only."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(descriptor)
    draft.replace(file)


def load(file: Path) -> Credentials:
    """The stored credentials. Raises BrokenSecrets when the file cannot be read or lacks a value."""
    try:
        stored = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise BrokenSecrets(file, str(error)) from error
    names = [one.name for one in fields(Credentials)]
    missing = [name for name in names if not isinstance(stored, dict) or not isinstance(stored.get(name), str)]
    if missing:
        raise BrokenSecrets(file, f"it lacks {', '.join(missing)}")
    return Credentials(**{name: stored[name] for name in names})


def load_or_create(file: Path) -> Credentials:
    """The stored credentials, generated and stored on the first call. Raises BrokenSecrets."""
    if not file.exists():
        write_private(file, json.dumps(asdict(Credentials()), indent=1) + "\n")
    return load(file)
