"""Who was champion before, from the ledger's rows."""

from datetime import UTC, datetime, timedelta

import pytest

from leadmill.registry.by_hand import previous_champion
from leadmill.registry.ledger import CROWNING, Decision, crownings


def decisions(*acts: str) -> list[Decision]:
    """Newest first, of acts such as 'promoted 1' in their order; '... killed' was killed before the alias moved."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made, serving = [], None
    for at, act in enumerate(acts):
        verdict, version, *killed = act.split()
        made.append(Decision(verdict, version, "x", serving, (), {}, {}, "t", "run", start + timedelta(days=at)))
        if verdict in CROWNING and not killed:
            serving = version
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
        # 2 serves although 1 is recorded as put back.
        (["promoted 1", "promoted 2", "rolled_back 1 killed"], "2", "1"),
        # Run again: the same step is recorded twice.
        (["promoted 1", "promoted 2", "promoted 3", "rolled_back 2 killed", "rolled_back 2"], "2", "1"),
        (["promoted 1", "promoted 2 killed"], "1", None),
        # 9 was never champion, so there is nobody to put back but 2.
        (["promoted 1", "promoted 2", "chosen 9 killed", "promoted 3"], "3", "2"),
        (["promoted 1", "promoted 2", "rolled_back 1 killed", "promoted 3"], "3", "2"),
        # The alias was moved by other means.
        (["promoted 1"], "9", "1"),
    ],
)
def test_the_champion_before(acts: list[str], serving: str, previous: str | None) -> None:
    assert previous_champion(decisions(*acts), serving) == previous


def test_what_was_killed_before_the_alias_moved_made_no_champion() -> None:
    acts = ["promoted 1 killed", "promoted 2", "refused 3", "chosen 9 killed", "promoted 4"]
    assert [one.version for one in crownings(decisions(*acts), "4")] == ["4", "2"]
    assert crownings(decisions("promoted 1 killed"), None) == []
