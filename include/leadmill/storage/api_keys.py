"""Keys of the scoring API: made once, shown once, kept as digests in ``ops.api_keys``."""

import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal, get_args

from leadmill.errors import LeadmillError, nearest

Scope = Literal["read", "score", "train"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
_PREFIX = "lm"
_WRITTEN = re.compile(rf"{_PREFIX}_([0-9a-f]{{12}})_([0-9a-f]{{64}})")


class UnknownApiKey(LeadmillError):
    """No key of that id."""

    def __init__(self, key_id: str, known: Sequence[str]) -> None:
        self.key_id = key_id
        near = nearest(key_id, known)
        hint = f"Did you mean '{near}'?" if near else "./leadmill api-key list shows all."
        super().__init__(f"There is no API key '{key_id}'. {hint}")


@dataclass(frozen=True)
class ApiKey:
    """A key as it is stored; ``digest`` is of its secret part."""

    key_id: str
    name: str
    digest: bytes
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def split(key: str) -> tuple[str, bytes] | None:
    """Id and digest of a key as a client sends it; None where it has not the form of one.

    The secret is 256 random bits, so a fast hash is enough: there is nothing to guess.
    """
    found = _WRITTEN.fullmatch(key)
    return (found[1], digest_of(found[2])) if found else None


def digest_of(secret: str) -> bytes:
    """What is stored of the secret part of a key."""
    return sha256(secret.encode()).digest()


def derived_key(secret: str) -> str:
    """The key of a local stack: it follows from one of its secrets (HMAC-SHA-256), so nothing more is to be kept."""
    parts = [hmac.new(secret.encode(), part.encode(), sha256).hexdigest() for part in ("api key id", "api key")]
    return f"{_PREFIX}_{parts[0][:12]}_{parts[1]}"


def create(name: str, scopes: Iterable[Scope], expires_at: datetime | None = None) -> str:
    """Make a key and store its digest; the key, which nobody can show again."""
    key = f"{_PREFIX}_{secrets.token_hex(6)}_{secrets.token_hex(32)}"
    keep(key, name, scopes, expires_at)
    return key


def keep(key: str, name: str, scopes: Iterable[Scope], expires_at: datetime | None = None) -> None:
    """Store a key's digest; one that is there already stays as it is, revoked ones too."""
    from sqlalchemy import text

    from leadmill.storage.database import engine

    parts = split(key)
    if parts is None:
        raise ValueError("not a key of leadmill")
    with engine().begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ops.api_keys (key_id, name, digest, scopes, expires_at) "
                "VALUES (:id, :name, :digest, :scopes, :expires_at) ON CONFLICT (key_id) DO NOTHING"
            ),
            {"id": parts[0], "name": name, "digest": parts[1], "scopes": sorted(scopes), "expires_at": expires_at},
        )


def listed() -> list[ApiKey]:
    """Every key, oldest first."""
    from sqlalchemy import text

    from leadmill.storage.database import engine

    columns = "key_id, name, digest, scopes, created_at, expires_at, revoked_at"
    with engine().connect() as connection:
        rows = connection.execute(text(f"SELECT {columns} FROM ops.api_keys ORDER BY created_at, key_id")).mappings()
        return [ApiKey(**{**row, "digest": bytes(row["digest"]), "scopes": frozenset(row["scopes"])}) for row in rows]


def revoke(key_id: str) -> None:
    """Refuse the key from now on. Raises UnknownApiKey."""
    from sqlalchemy import text

    from leadmill.storage.database import engine

    with engine().begin() as connection:
        found = connection.execute(
            text("UPDATE ops.api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = :id"), {"id": key_id}
        ).rowcount
    if not found:
        raise UnknownApiKey(key_id, [one.key_id for one in listed()])
