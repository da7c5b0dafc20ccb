import fcntl
import os
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from http_support import JsonHandler

from leadmill import settings
from leadmill.local import airflow_api, stack
from leadmill.local.state import NotAStateFolder


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A state folder in which nothing was ever started."""
    before = os.environ["LEADMILL_STATE"]
    settings.apply({"LEADMILL_STATE": str(tmp_path / "state")})
    yield tmp_path / "state"
    settings.apply({"LEADMILL_STATE": before})


def test_reset_refuses_a_folder_of_somebody_else(root: Path) -> None:
    root.mkdir()
    (root / "thesis.tex").touch()
    with pytest.raises(NotAStateFolder, match=r"Nothing was deleted.*LEADMILL_STATE"):
        stack.reset()
    assert [entry.name for entry in root.iterdir()] == ["thesis.tex"]


def test_reset_removes_what_an_interrupted_up_left(root: Path) -> None:
    stack.folder().create()
    (root / ".ports.json.17").touch()
    stack.reset()
    assert not root.exists()
    stack.reset()


def test_an_airflow_that_does_not_know_our_password_is_not_ours(root: Path) -> None:
    class OfAnotherCheckout(JsonHandler):
        def do_GET(self) -> None:
            self.say(HTTPStatus.OK, {name: {"status": "healthy"} for name in airflow_api.COMPONENTS})

        def do_POST(self) -> None:
            self.say(HTTPStatus.UNAUTHORIZED, {"detail": "Invalid credentials"})

    with ThreadingHTTPServer(("127.0.0.1", 0), OfAnotherCheckout) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        ours = {"AIRFLOW_USER": "admin", "AIRFLOW_PASSWORD": "ours", "AIRFLOW_URL": url, "LEADMILL_API_URL": url}
        with pytest.raises(stack.StackNotHealthy):
            stack._wait_until_healthy(stack.folder(), ours, lambda _: None, None)
        server.shutdown()


def test_who_waited_for_a_reset_begins_anew(root: Path) -> None:
    state = stack.folder()
    state.create()
    waits, alone = threading.Event(), []

    def wait_then_enter() -> None:
        with stack._exclusive(state, lambda _: waits.set()), state.lock.open("a") as second:
            try:
                fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                alone.append(True)

    waiting = threading.Thread(target=wait_then_enter)
    with stack._exclusive(state, lambda _: None):
        waiting.start()
        assert waits.wait(10)
        state.delete()
    waiting.join(10)
    assert alone == [True], "the lock that it holds is the one that the next command will meet"
