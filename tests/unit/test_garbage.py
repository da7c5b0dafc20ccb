"""Garbage is looked for seldom while a batch is worked on, and as before afterwards."""

import gc
from collections.abc import Iterator

import pytest

from leadmill.errors import LeadmillError
from leadmill.garbage import SELDOM, seldom_collected

USUAL = (700, 10, 10)


@pytest.fixture
def _usual() -> Iterator[None]:
    """Python's own thresholds; a service that ran before in this process may have left others."""
    before = gc.get_threshold()
    gc.set_threshold(*USUAL)
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("_usual")
def test_python_looks_for_garbage_as_before_afterwards() -> None:
    @seldom_collected()
    def work() -> None:
        assert gc.get_threshold() == SELDOM
        raise LeadmillError("stopped")

    with pytest.raises(LeadmillError, match="stopped"):
        work()
    assert gc.get_threshold() == USUAL
