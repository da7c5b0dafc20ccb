import os
import stat
from pathlib import Path

import pytest

from leadmill import settings
from leadmill.local import stack
from leadmill.local.state import StateFolder


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_holds_customers_values_is_closed_to_others(state: StateFolder) -> None:
    state.create()
    private = (state.airflow, state.data_docs, state.mlflow, state.demo)
    assert {_mode(folder) for folder in private} == {0o700}
    assert _mode(state.root) == _mode(state.logs) == (0o711 if os.geteuid() == 0 else 0o700)
    assert _mode(state.lock) == 0o600


def test_folders_that_were_open_are_closed(state: StateFolder) -> None:
    state.data_docs.mkdir(parents=True)
    state.data_docs.chmod(0o755)
    state.create()
    assert _mode(state.data_docs) == 0o700


def test_the_stages_write_into_the_closed_folders() -> None:
    found = settings.current()
    assert found.data_docs.absolute() == stack.folder().data_docs
    assert found.mlflow_artifacts.absolute() == stack.folder().mlflow


def test_stacks_and_what_is_left_of_them_are_deletable(state: StateFolder) -> None:
    state.root.mkdir()
    assert state.deletable(), "empty"
    state.create()
    (state.root / ".secrets.json.17").touch()
    assert state.deletable(), "an interrupted up"
    state.secrets.touch()
    state.ports.touch()
    (state.root / "notes.txt").touch()
    assert state.deletable(), "a stack"


@pytest.mark.parametrize("names", [("thesis.tex",), ("lock", "logs", "thesis.tex"), ("logs",), ("secrets.json",)])
def test_what_is_not_a_stack_is_not_deletable(state: StateFolder, names: tuple[str, ...]) -> None:
    state.root.mkdir()
    for name in names:
        (state.root / name).touch()
    assert not state.deletable()


def test_a_file_is_not_deletable(state: StateFolder) -> None:
    state.root.touch()
    assert not state.deletable()


def test_delete_does_not_follow_links(state: StateFolder, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    state.create()
    (state.root / "link").symlink_to(tmp_path / "elsewhere")
    state.delete()
    assert not state.root.exists()
    assert (tmp_path / "elsewhere" / "kept").exists()
