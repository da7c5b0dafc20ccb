"""The part of a spec that says when watching raises an alert."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support import changed_use_case, x_education

from leadmill.errors import SpecError


def test_what_is_not_said_has_a_default() -> None:
    limits = x_education().monitor
    assert (limits.recent, limits.psi, limits.email) == (timedelta(days=7), 0.2, ())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pzi": 0.3}, r"monitor\.pzi.*Did you mean 'psi'"),
        ({"psi": 0}, r"monitor\.psi: found 0"),
        ({"recent": "a week"}, r"monitor\.recent: found 'a week'; allowed: a duration such as 30s, 1m, 12h or 7d"),
        ({"min_entities": 3}, r"monitor\.min_entities: found 3"),
    ],
)
def test_a_wrong_threshold_is_named(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        changed_use_case(tmp_path, lambda raw: raw.update(monitor=given))
