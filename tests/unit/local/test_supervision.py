import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from leadmill.local import processes, supervision
from leadmill.local.state import StateFolder


@pytest.fixture
def original(tmp_path: Path) -> StateFolder:
    state = StateFolder(tmp_path / "original" / ".leadmill")
    state.create()
    return state


@pytest.fixture
def supervisor(original: StateFolder) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the place of the supervisor: in the state folder, where its record is."""
    with subprocess.Popen(["sleep", "60"], cwd=original.root) as child:
        process = processes.identity(child.pid)
        assert process is not None
        original.supervisor.write_text(json.dumps({"process": asdict(process), "components": {}}))
        yield child
        child.kill()


def test_a_copied_checkout_leaves_the_supervisor_of_the_original_alone(
    original: StateFolder, supervisor: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    copy = StateFolder(tmp_path / "copy" / ".leadmill")
    shutil.copytree(original.root, copy.root)
    assert not supervision.alive(copy)
    supervision.stop(copy)
    assert supervisor.poll() is None
    assert supervision.alive(original)
    supervision.stop(original)
    assert supervisor.wait(10) != 0
