"""Garbage is looked for seldom while a batch is worked on, and as before afterwards."""

import gc

import pytest

from leadmill.errors import LeadmillError
from leadmill.garbage import SELDOM, seldom_collected


def test_python_looks_for_garbage_as_before_afterwards() -> None:
    before = gc.get_threshold()

    @seldom_collected()
    def work() -> None:
        assert gc.get_threshold() == SELDOM != before
        raise LeadmillError("stopped")

    with pytest.raises(LeadmillError, match="stopped"):
        work()
    assert gc.get_threshold() == before
