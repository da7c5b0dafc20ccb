"""Fixtures of these tests."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo_support import ROWS, Demo


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """The demo on made-up leads, run once per session; ``demo.report`` is what it printed as JSON.

    The stack's use case ``leads`` has a simpler spec.
    """
    folder = Path(tempfile.mkdtemp(prefix="leadmill-demo-"))
    # Under root, Postgres runs as an unprivileged user who must be able to pass through.
    folder.chmod(0o711)
    made = Demo(folder)
    made.simplify("leads")
    try:
        made.report = made.json("demo", "x_education", "--leads", str(ROWS))
        yield made
    finally:
        made("down", code=None)
        shutil.rmtree(folder)
