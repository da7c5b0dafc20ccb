"""The embedded server and what it wrote down before its machine stopped."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from leadmill.local import ports, processes
from leadmill.local.credentials import Credentials
from leadmill.local.postgres import PostgresFailed, Server
from leadmill.local.state import StateFolder

Sleeping = Callable[[Path], subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that was initialised, in a folder that its user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="leadmill-test-"))
    folder.chmod(0o711)
    state = StateFolder(folder / "state")
    state.create()
    made = Server(state)
    made.initialise(Credentials())
    yield made
    made.stop()
    shutil.rmtree(folder)


@pytest.fixture
def sleeping(server: Server) -> Iterator[Sleeping]:
    """Starts processes of the server's user that do nothing in some folder."""
    with ExitStack() as all_of_them:

        def start(folder: Path) -> subprocess.Popen[bytes]:
            command, keywords = server.user.command(["sleep", "60"])
            child = all_of_them.enter_context(subprocess.Popen(command, cwd=folder, **keywords))
            all_of_them.callback(child.kill)
            if processes.works_in(child.pid, folder) is None:
                pytest.skip("processes of another user may not be looked at here")
            return child

        yield start


@pytest.fixture
def stranger(server: Server, sleeping: Sleeping) -> subprocess.Popen[bytes]:
    """A process that has got the number of a server, which ended without removing what it wrote down."""
    server.start(ports.free_port(54399))
    file = server.data / "postmaster.pid"
    written = file.read_text()
    server.stop()
    child = sleeping(Path("/"))
    file.write_text(written.replace(written.splitlines()[0], str(child.pid), 1))
    file.chmod(0o600)
    server.user.take(file)
    return child


def test_who_got_the_number_of_a_server_that_is_gone_is_no_server_and_is_left_alone(
    server: Server, stranger: subprocess.Popen[bytes]
) -> None:
    assert not server.running()
    server.stop()
    assert stranger.poll() is None
    server.start(ports.free_port(54399))
    assert server.running()
    assert server.pid() != stranger.pid
    server.stop()
    assert not server.running()
    assert stranger.poll() is None


def test_while_somebody_still_works_in_the_data_folder_postgres_itself_decides(
    server: Server, stranger: subprocess.Popen[bytes], sleeping: Sleeping
) -> None:
    sleeping(server.data)
    with pytest.raises(PostgresFailed, match=r"postmaster\.pid"):
        server.start(ports.free_port(54399))
    assert server.pid() == stranger.pid
    (server.data / "postmaster.pid").unlink()
