"""Whether requirements.lock is in step with pyproject.toml; ``python -m leadmill.local.lock`` for CI, no network."""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from leadmill import settings

PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)(.*)$")
# What only one machine or one company can reach must not be in a lock that everybody installs.
PRIVATE = re.compile(r"https?://|file:|--(?:extra-)?index-url|--find-links|(?<![\w.])/(?:home|opt|root|tmp|usr|work)/")
REMAKE = (
    "uv pip compile pyproject.toml --extra dev --generate-hashes --no-emit-index-url "
    "--python-version 3.11 -o requirements.lock"
)


def direct_requirements(project: Path) -> list[Requirement]:
    """The requirements that pyproject.toml names, runtime and dev."""
    table = tomllib.loads(project.read_text())["project"]
    names = [*table["dependencies"], *table.get("optional-dependencies", {}).get("dev", [])]
    return [Requirement(name) for name in names]


def problems(project: Path, lock: Path) -> list[str]:
    """Everything by which the lock does not fit the project; empty when they are in step."""
    text = lock.read_text()
    pinned: dict[str, str] = {}
    found = [f"names a place: {line.strip()[:80]}" for line in text.splitlines() if PRIVATE.search(line)]
    entries = [line for line in text.splitlines() if line and line[0] not in " #"]
    for entry in entries:
        match = PIN.match(entry)
        if match is None:
            found.append(f"not pinned: {entry[:80]}")
            continue
        pinned[canonicalize_name(match[1])] = match[2]
        if "--hash=sha256:" not in _block(text, entry):
            found.append(f"no hash: {match[1]}")
    for wanted in direct_requirements(project):
        version = pinned.get(canonicalize_name(wanted.name))
        if version is None:
            found.append(f"the lock lacks {wanted.name}")
        elif not wanted.specifier.contains(version, prereleases=True):
            found.append(f"pyproject asks for {wanted}, the lock has {version}")
    direct = {canonicalize_name(one.name) for one in direct_requirements(project)}
    found += [f"the lock still has {name} as a direct dependency" for name in sorted(_annotated(text) - direct)]
    return found


def _block(text: str, entry: str) -> str:
    start = text.index(entry)
    end = re.search(r"\n(?=[^ \n])", text[start:])
    return text[start : start + end.start()] if end else text[start:]


def _annotated(text: str) -> set[str]:
    """Packages that uv marked as asked for by pyproject.toml itself."""
    current, found = "", set()
    for line in text.splitlines():
        match = PIN.match(line)
        if match:
            current = canonicalize_name(match[1])
        elif "leadmill (pyproject.toml)" in line and not line.startswith("#"):
            found.add(current)
    return found


def main() -> int:
    """Print the problems; 1 when there are any."""
    home = settings.ROOT
    found = problems(home / "pyproject.toml", home / "requirements.lock")
    if found:
        found.append(f"Make the lock anew: {REMAKE}")
    sys.stderr.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
