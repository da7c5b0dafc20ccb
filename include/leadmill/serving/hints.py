"""Hints of what an unknown name was meant to be, few for each request."""

from collections.abc import Callable

_NAMES, _LONGEST = 100, 100


class Hints:
    """Hints of one request: each made once, and for its first hundred names only.

    To look for a name among all that there are takes up to some milliseconds, in which nobody else is answered.
    """

    def __init__(self, hint: Callable[[str], str]) -> None:
        self._hint = hint
        self._made: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The hint of that name; empty where there were too many before it."""
        name = name[:_LONGEST]
        if name not in self._made and len(self._made) < _NAMES:
            self._made[name] = self._hint(name)
        return self._made.get(name, "")
