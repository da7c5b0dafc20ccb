"""Whether the scoring API of a local stack answers."""

from typing import Literal

import httpx

_SECONDS = 3.0
Health = Literal["healthy", "starting", "unhealthy"]


def health(url: str) -> Health:
    """healthy where it can answer requests; starting where it lives, but has not seen keys and champions yet."""
    # Loopback must not go through a proxy that the environment names.
    with httpx.Client(base_url=url, timeout=_SECONDS, trust_env=False) as client:
        try:
            if not client.get("/healthz").is_success:
                return "unhealthy"
            return "healthy" if client.get("/readyz").is_success else "starting"
        except httpx.HTTPError:
            return "unhealthy"
