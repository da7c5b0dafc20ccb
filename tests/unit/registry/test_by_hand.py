"""Who was champion before, from the ledger's rows."""

from datetime import UTC, datetime, timedelta

import pytest

from leadmill.registry.by_hand import previous_champion
from leadmill.registry.ledger import Decision


def decisions(*acts: str) -> list[Decision]:
    """Newest first, of acts such as 'promoted 1' in their order."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = []
    for at, act in enumerate(acts):
        verdict, version = act.split()
        made.append(Decision(verdict, version, "x", None, (), {}, {}, "t", "run", start + timedelta(days=at)))
    return made[::-1]


@pytest.mark.parametrize(
    ("acts", "serving", "previous"),
    [
        (["promoted 1"], "1", None),
        (["promoted 1", "refused 2", "promoted 3"], "3", "1"),
        (["promoted 1", "promoted 2", "promoted 3", "rolled_back 2"], "2", "1"),
        (["promoted 1", "promoted 2", "promoted 3", "rolled_back 2", "rolled_back 1"], "1", None),
        (["promoted 1", "promoted 2", "rolled_back 1", "promoted 3"], "3", "1"),
        (["promoted 1", "promoted 2", "chosen 1"], "1", "2"),
        (["promoted 1", "held 2", "chosen 2"], "2", "1"),
        # Killed before the alias moved: 2 serves although 1 is recorded as put back.
        (["promoted 1", "promoted 2", "rolled_back 1"], "2", "1"),
        # Killed and run again: the same step is recorded twice.
        (["promoted 1", "promoted 2", "promoted 3", "rolled_back 2", "rolled_back 2"], "2", "1"),
        # Promoted, but killed before the alias moved: 1 serves, and is the first.
        (["promoted 1", "promoted 2"], "1", None),
        (["promoted 1"], "9", "1"),
    ],
)
def test_the_champion_before(acts: list[str], serving: str, previous: str | None) -> None:
    assert previous_champion(decisions(*acts), serving) == previous
