"""What a client would rather have: JSON or text, and in which language (RFC 9110, sections 12.5.1 and 12.5.4)."""

from collections.abc import Sequence

JSON = "application/json"
_TEXTS = ("text/plain", "text/*")
# More than a client has a reason to send; the rest is not looked at.
_LONGEST = 1000


def wants_json(accept: str | None) -> bool:
    """Whether JSON is named and no text is liked better; what takes anything asks for nothing.

    >>> wants_json("*/*"), wants_json("application/json"), wants_json("text/plain, application/json;q=0.5")
    (False, True, False)
    """
    weights = _weights(accept)
    json = weights.get(JSON, 0.0)
    return json > 0 and json >= max(weights.get(kind, 0.0) for kind in _TEXTS)


def language(accept_language: str | None, offered: Sequence[str]) -> str:
    """The offered language that is liked best; the first offered where none is liked.

    >>> language("de, en-GB;q=0.8, pt;q=0.5", ["pt", "en"]), language(None, ["pt", "en"])
    ('en', 'pt')
    """
    weights = _weights(accept_language)
    liked: dict[str, float] = {}
    for tag, weight in weights.items():
        primary = tag.partition("-")[0]
        liked[primary] = max(weight, liked.get(primary, 0.0))
    best = max(offered, key=lambda one: liked.get(one, 0.0))
    return best if liked.get(best, 0.0) > 0 else offered[0]


def _weights(header: str | None) -> dict[str, float]:
    """Every choice of the header in lower case with its weight; 0 where that cannot be read."""
    found: dict[str, float] = {}
    for part in (header or "")[:_LONGEST].split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name:
            found[name] = min((_weight(one) for one in parameters if one.startswith("q=")), default=1.0)
    return found


def _weight(parameter: str) -> float:
    try:
        return max(0.0, min(float(parameter.removeprefix("q=")), 1.0))
    except ValueError:
        return 0.0
