from pathlib import Path

import pytest

from leadmill import settings
from leadmill.local import lock

PROJECT = """
[project]
dependencies = ["Some_Thing[extra]==1.2", "other"]
[project.optional-dependencies]
dev = ["tool>=3"]
"""
LOCK = """# made by uv
other==7.0 \\
    --hash=sha256:aa
    # via leadmill (pyproject.toml)
some-thing==1.2 \\
    --hash=sha256:bb \\
    --hash=sha256:cc
    # via
    #   leadmill (pyproject.toml)
    #   other
tool==3.1 \\
    --hash=sha256:dd
    # via leadmill (pyproject.toml)
"""


def _problems(tmp_path: Path, locked: str) -> list[str]:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "requirements.lock").write_text(locked)
    return lock.problems(tmp_path / "pyproject.toml", tmp_path / "requirements.lock")


def test_a_fitting_lock_has_no_problem(tmp_path: Path) -> None:
    assert _problems(tmp_path, LOCK) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("some-thing==1.2", "some-thing==1.3", "pyproject asks for Some_Thing[extra]==1.2, the lock has 1.3"),
        ("tool==3.1", "tool==2.9", "pyproject asks for tool>=3, the lock has 2.9"),
        ("other==7.0", "another==7.0", "the lock lacks other"),
        (" \\\n    --hash=sha256:aa", "", "no hash: other"),
        ("# made by uv", "--extra-index-url https://me@host/simple", "names a place"),
        ("# made by uv", "thing @ file:///opt/thing.whl", "not pinned"),
        ("    #   other", "    #   /home/me/x/requirements.in", "names a place"),
    ],
)
def test_a_lock_that_does_not_fit_is_told(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert any(problem in one for one in _problems(tmp_path, LOCK.replace(old, new)))


def test_a_dependency_that_was_dropped_is_told(tmp_path: Path) -> None:
    locked = LOCK + "gone==1 \\\n    --hash=sha256:ee\n    # via leadmill (pyproject.toml)\n"
    assert _problems(tmp_path, locked) == ["the lock still has gone as a direct dependency"]


def test_our_own_lock_is_in_step() -> None:
    assert lock.problems(settings.ROOT / "pyproject.toml", settings.ROOT / "requirements.lock") == []
