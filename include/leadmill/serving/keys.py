"""Who asks: API keys by their digests, read again every second, so that keys come and go without a restart."""

import hmac
from datetime import UTC, datetime

from starlette.requests import Request

from leadmill.serving.database import Database
from leadmill.serving.problems import Problem
from leadmill.storage.api_keys import Scope, split

_VALID = "SELECT key_id, digest, scopes, expires_at FROM ops.api_keys WHERE revoked_at IS NULL"
_NOBODY = bytes(32)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="leadmill"'}


class Keys:
    """The valid keys as they were at the last look; while the database is away they stay valid."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[bytes, frozenset[str], datetime | None]] = {}

    async def refresh(self, database: Database) -> None:
        """Look again. Raises Problem where the database is away."""
        rows = await database.rows(_VALID)
        self._known = {row["key_id"]: (row["digest"], frozenset(row["scopes"]), row["expires_at"]) for row in rows}

    def check(self, request: Request, scope: Scope) -> str:
        """The id of the key, which may do this. Raises Problem: 401 without a valid key, 403 without the scope."""
        key = given(request)
        if key is None:
            detail = "Send your API key as 'Authorization: Bearer ...' or 'X-API-Key: ...'."
            raise Problem("unauthorized", detail, headers=_CHALLENGE)
        parts = split(key)
        digest, scopes, expires = self._known.get(parts[0] if parts else "", (_NOBODY, frozenset[str](), None))
        # Compared even where nothing is known, in constant time: neither takes a different time to refuse.
        same = hmac.compare_digest(digest, parts[1] if parts else b"")
        if not same or (expires is not None and expires <= datetime.now(UTC)):
            raise Problem("unauthorized", "This API key is unknown, expired or revoked.", headers=_CHALLENGE)
        if scope not in scopes:
            raise Problem("forbidden", f"This needs the scope '{scope}'; the key has {', '.join(sorted(scopes))}.")
        return parts[0] if parts else ""


def given(request: Request) -> str | None:
    """The key that the request carries, None where it carries none."""
    headers = request.headers
    found = headers.get("x-api-key")
    if found is None:
        kind, _, rest = headers.get("authorization", "").partition(" ")
        found = rest.strip() if kind.lower() == "bearer" else None
    return found or None
