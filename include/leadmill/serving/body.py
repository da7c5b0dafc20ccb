"""Requests' bodies: strict JSON, and keys by the spec's key type."""

import re
from typing import Any

import orjson

from leadmill.serving.problems import Fault, Problem
from leadmill.spec import UseCase

_SHOWN = 100


class Keys:
    """Keys of one use case as clients write them and as they are stored."""

    def __init__(self, use_case: UseCase) -> None:
        entity = use_case.entity
        self._kind, self._words = entity.key_type, entity.key_words
        self._pattern = re.compile(entity.key_pattern.removesuffix("$").removeprefix("^"))

    def stored(self, key: Any) -> str | int:
        """The key as the tables hold it. Raises ValueError with what is allowed."""
        written = str(key) if self._kind == "int" and isinstance(key, int) and not isinstance(key, bool) else key
        if not isinstance(written, str) or not self._pattern.fullmatch(written):
            raise ValueError(f"the key is {self._words}")
        if self._kind == "int":
            return int(written)
        return written.lower() if self._kind == "uuid" else written


def parse(content_type: str | None, body: bytes) -> Any:
    """The JSON that a body holds. Raises Problem: 415 where it says it is something else, 400 where it is no JSON."""
    kind = (content_type or "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise Problem("unsupported-media-type", f"The body is {kind[:_SHOWN]}; this takes application/json.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # NaN and Infinity are no JSON, text must be UTF-8, and nesting has its limit.
        raise Problem("bad-request", f"The body is not JSON in UTF-8: {error}") from error


def fields(found: Any, needed: str, allowed: tuple[str, ...], where: str = "") -> dict[str, Any]:
    """``found``, an object with the field ``needed`` and no others than ``allowed``. Raises Problem (422)."""
    if not isinstance(found, dict):
        raise invalid(Fault(where, f"an object with '{needed}' is needed here"))
    unknown = [name for name in found if name not in allowed]
    if unknown:
        raise invalid(Fault(f"{where}/{unknown[0][:_SHOWN]}", f"unknown field; known are {', '.join(allowed)}"))
    if needed not in found:
        raise invalid(Fault(where, f"the field '{needed}' is missing"))
    return found


def payload_of(item: dict[str, Any], where: str = "") -> dict[str, Any] | None:
    """The payload of an item, None where it has none. Raises Problem (422)."""
    payload = item.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise invalid(Fault(f"{where}/payload", "an object of features, or null, is needed here"))
    return payload


def invalid(*faults: Fault) -> Problem:
    """What is wrong with a request that can be read."""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return Problem("invalid", f"{faults[0].detail}{more}", faults)
