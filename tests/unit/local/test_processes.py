import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from leadmill.local import processes

SLEEP = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]


def _started(**arguments: object) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(SLEEP, stdout=subprocess.PIPE, **arguments)  # type: ignore[call-overload]
    child.stdout.readline()
    return child


def test_identity_tells_a_process_from_a_later_one_of_the_same_number() -> None:
    me = processes.identity(os.getpid())
    assert me is not None
    assert me.alive()
    assert not replace(me, started=me.started + 1).alive()
    assert not replace(me, boot="another").alive()


def test_a_zombie_is_not_alive() -> None:
    with _started() as child:
        known = processes.identity(child.pid)
        assert known is not None
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not known.alive()


def test_sweep_kills_only_the_marked(tmp_path: Path) -> None:
    other = {**os.environ, processes.MARKER: str(tmp_path / "other")}
    with _started(env={**os.environ, processes.MARKER: str(tmp_path)}) as ours, _started(env=other) as theirs:
        assert processes.marked(tmp_path) == [ours.pid]
        assert processes.sweep(tmp_path) == []
        assert ours.wait() == -signal.SIGKILL
        assert theirs.poll() is None
        theirs.kill()


def test_session_members() -> None:
    with _started(start_new_session=True) as child:
        assert processes.session_members(child.pid) == [child.pid]
        child.kill()


def test_a_process_whose_name_is_no_utf8_does_not_hide_the_others(tmp_path: Path) -> None:
    # The kernel keeps 15 bytes of a name, whatever character they end in.
    named = tmp_path / ("ä" * 10)
    named.symlink_to(shutil.which("sleep") or "")
    with subprocess.Popen([named, "60"], start_new_session=True) as child:
        assert processes.session_members(child.pid) == [child.pid]
        child.kill()


def test_sending_to_a_process_that_is_gone_does_nothing() -> None:
    with _started() as child:
        child.kill()
    processes.send([child.pid], signal.SIGTERM)
