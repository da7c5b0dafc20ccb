"""The shell script ./leadmill on a copy of the checkout, with two tiny wheels instead of the real lock: no network."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from leadmill import settings

# Stands in for uv: fails, waits to be killed, or installs as told.
UV = """#!python
import os, subprocess, sys, time
if os.environ.get("FAKE_UV") == "fail":
    sys.exit("uv: no index")
if os.environ.get("FAKE_UV") == "hang":
    open(os.environ["FAKE_UV_REACHED"], "w").close()
    time.sleep(120)
time.sleep(float(os.environ.get("FAKE_UV_SECONDS", "0")))
pip = [sys.executable, "-P", "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "-r", sys.argv[-1]]
sys.exit(subprocess.run(pip).returncode)
"""


def _wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> str:
    """Write a wheel; its line for a lock."""
    info = f"{name}-{version}.dist-info"
    meta = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in (*files, *meta)) + f"{info}/RECORD,,\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, **meta, f"{info}/RECORD": record}.items():
            entry = zipfile.ZipInfo(file)
            entry.external_attr = (0o100755 if "/scripts/" in file else 0o100644) << 16
            archive.writestr(entry, text)
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n    # via test\n"


class Checkout:
    """A copy of the script beside a small lock and a command line that says what it was given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        shutil.copy(settings.ROOT / "leadmill", folder / "leadmill")
        package = folder / "include" / "leadmill"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "__main__.py").write_text("import sys, tiny\nprint('leadmill', tiny.VERSION, *sys.argv[1:])\n")
        self.stamp = folder / ".venv" / "installed.lock"
        self.lock("1.0")

    def lock(self, version: str) -> None:
        uv = _wheel(self.wheels, "uv", "9", {"uv-9.data/scripts/uv": UV})
        tiny = _wheel(self.wheels, "tiny", version, {"tiny.py": f"VERSION = '{version}'\n"})
        (self.folder / "requirements.lock").write_text(f"# made by hand\n{tiny}{uv}")

    def environment(self, **variables: str) -> dict[str, str]:
        own = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LEADMILL_PYTHON": sys._base_executable,  # type: ignore[attr-defined]
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        return {**own, **variables}

    def start(self, *arguments: str, folder: Path = Path("/"), **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [str(self.folder / "leadmill"), *arguments],
            env=self.environment(**variables),
            cwd=folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **variables)
        out, err = process.communicate()
        return process.returncode, out.strip(), err


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_first_start_makes_the_environment_and_the_next_is_quick(checkout: Checkout) -> None:
    code, out, err = checkout.run("status", "two words")
    assert (code, out) == (0, "leadmill 1.0 status two words"), err
    assert "making .venv" in err
    made = checkout.stamp.stat().st_mtime_ns
    started = time.monotonic()
    assert checkout.run("again") == (0, "leadmill 1.0 again", "")
    assert time.monotonic() - started < 1
    assert checkout.stamp.stat().st_mtime_ns == made


def test_modules_of_the_callers_folder_and_path_are_not_imported(checkout: Checkout) -> None:
    theirs = checkout.folder / "theirs"
    theirs.mkdir()
    for module in ("tiny", "venv", "pip"):
        (theirs / f"{module}.py").write_text("raise SystemExit('imported theirs')\n")
    for variables in ({}, {"PYTHONPATH": str(theirs)}, {"PYTHONHOME": str(theirs)}):
        found = checkout.start(folder=theirs, **variables).communicate()
        assert found[0].strip() == "leadmill 1.0", found[1]


def test_pip_takes_over_where_uv_fails(checkout: Checkout) -> None:
    code, out, err = checkout.run(FAKE_UV="fail")
    assert (code, out) == (0, "leadmill 1.0"), err
    assert "trying pip" in err


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_start_is_noticed_and_made_good(checkout: Checkout, number: int) -> None:
    reached = checkout.folder / "reached"
    process = checkout.start(FAKE_UV="hang", FAKE_UV_REACHED=str(reached))
    while not reached.exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, number)
    process.communicate()
    assert process.returncode != 0
    code, out, err = checkout.run()
    assert (code, out) == (0, "leadmill 1.0"), err
    assert "unfinished" in err
    assert not (checkout.folder / ".venv.lock").exists()


def test_a_changed_lock_is_followed(checkout: Checkout) -> None:
    checkout.run()
    checkout.lock("1.1")
    code, out, err = checkout.run()
    assert (code, out) == (0, "leadmill 1.1"), err
    assert "has changed" in err


def test_a_package_that_does_not_fit_its_hash_is_refused(checkout: Checkout) -> None:
    _wheel(checkout.wheels, "tiny", "1.0", {"tiny.py": "VERSION = 'forged'\n"})
    code, out, err = checkout.run()
    assert (code != 0, out) == (True, "")
    assert "HASHES" in err
    assert not checkout.stamp.exists()


def test_two_starts_at_once_do_not_meet(checkout: Checkout) -> None:
    first, second = (checkout.start(name, FAKE_UV_SECONDS="2") for name in ("a", "b"))
    answers = [process.communicate() for process in (first, second)]
    assert [out.strip() for out, _ in answers] == ["leadmill 1.0 a", "leadmill 1.0 b"]
    told = [err for _, err in answers]
    assert sum("waiting for it" in err for err in told) == 1
    assert sum("making .venv with" in err for err in told) == 1


def test_a_moved_checkout_is_made_anew(checkout: Checkout) -> None:
    checkout.run()
    moved = checkout.folder.rename(checkout.folder.with_name("moved"))
    result = subprocess.run(
        [str(moved / "leadmill")],
        env=checkout.environment(PIP_FIND_LINKS=str(moved / "wheels")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.strip() == "leadmill 1.0", result.stderr


def test_without_python_311_it_says_what_to_do(checkout: Checkout) -> None:
    code, _, err = checkout.run(LEADMILL_PYTHON="/bin/false")
    assert code == 1
    assert "needs Python 3.11" in err
