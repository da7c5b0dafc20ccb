import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadmill.local import ports
from leadmill.local.credentials import Credentials
from leadmill.local.identity import CannotTraverse, RunAs, run_as
from leadmill.local.postgres import Server
from leadmill.local.state import StateFolder


def test_an_ordinary_user_runs_postgres_as_himself() -> None:
    user = run_as()
    if os.geteuid() == 0:
        assert user.uid != 0
    else:
        assert user == RunAs(None, os.geteuid(), os.getegid())
        assert user.command(["x"], Path("/")) == (["x"], {})


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that others cannot pass through, in one that they can."""
    folder = Path(tempfile.mkdtemp(prefix="leadmill-test-"))
    folder.chmod(0o711)
    inner = folder / "closed"
    (inner / "checkout").mkdir(parents=True)
    inner.chmod(0o700)
    yield inner
    shutil.rmtree(folder)


def test_a_closed_folder_on_the_way_is_found(closed: Path) -> None:
    stranger = RunAs("nobody", 65534, 65534)
    assert stranger.closed_folder(closed / "checkout") == closed
    assert stranger.closed_folder(closed) is None
    assert RunAs("me", os.geteuid(), os.getegid()).closed_folder(closed / "checkout") is None


def test_a_closed_folder_is_named_with_the_remedy(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(CannotTraverse, match=f"chmod o\\+x {closed}"):
        RunAs("nobody", 65534, 65534).command(["x"], closed / "checkout")


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
def test_root_lends_the_right_to_pass_through_and_to_read_only(closed: Path) -> None:
    user = run_as()
    (closed / "checkout" / "file").write_text("text")
    command, keywords = user.command(["cat", str(closed / "checkout" / "file")], closed / "checkout")
    assert subprocess.run(command, check=True, capture_output=True, text=True, **keywords).stdout == "text"
    command, keywords = user.command(["id", "-u"], closed / "checkout")
    assert subprocess.run(command, check=True, capture_output=True, text=True, **keywords).stdout.strip() == str(
        user.uid
    )


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
def test_postgres_starts_in_a_closed_folder(closed: Path) -> None:
    state = StateFolder(closed / "state")
    state.create()
    server = Server(state)
    server.initialise(Credentials())
    server.start(ports.free_port(54399))
    assert server.running()
    server.stop()
    assert not server.running()
