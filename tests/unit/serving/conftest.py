"""What these tests share."""

import pytest

from leadmill import errors


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names for which a near one was looked for."""
    names: list[str] = []
    look = errors.get_close_matches

    def counted(name: str, known: list[str], n: int, cutoff: float) -> list[str]:
        names.append(name)
        return look(name, known, n, cutoff)

    monkeypatch.setattr(errors, "get_close_matches", counted)
    return names
