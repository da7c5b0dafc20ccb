"""As whom Postgres runs: as ourselves, or as an unprivileged user when we are root (which Postgres refuses)."""

import os
import pwd
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadmill.errors import LeadmillError

UNPRIVILEGED = ("postgres", "nobody")
PASSING_CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}


class CannotTraverse(LeadmillError):
    """The unprivileged user cannot pass through a folder."""

    def __init__(self, user: str, folder: Path, target: Path) -> None:
        self.user, self.folder = user, folder
        super().__init__(
            f"Started as root, leadmill runs Postgres as the user '{user}', who cannot pass through {folder} to "
            f"{target}. Allow passing (not listing) with 'chmod o+x {folder}', move the checkout to a folder such as "
            "/opt/leadmill, or run ./leadmill as an ordinary user."
        )


@dataclass(frozen=True)
class RunAs:
    """The user of the Postgres processes; ``name`` is None when it is ourselves."""

    name: str | None
    uid: int
    gid: int

    def command(self, arguments: Sequence[str], *needed: Path) -> tuple[list[str], dict[str, Any]]:
        """Argument list and subprocess keywords that run a program as this user, who must reach the paths ``needed``.

        Raises CannotTraverse when a folder on the way is closed to him and cannot be opened for these programs alone.
        """
        if self.name is None:
            return list(arguments), {}
        closed = [(path, folder) for path in needed if (folder := self.closed_folder(path)) is not None]
        if not closed:
            return list(arguments), {"user": self.uid, "group": self.gid, "extra_groups": []}
        # A checkout under /root is the usual case: root lends these programs the right to pass through, no more.
        setpriv, capability = shutil.which("setpriv"), _passing_capability()
        if setpriv is None or capability is None:
            path, folder = closed[0]
            raise CannotTraverse(self.name, folder, path)
        switch = [f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        lend = [f"--inh-caps=-all,+{capability}", f"--ambient-caps=-all,+{capability}"]
        return [setpriv, *switch, *lend, "--", *arguments], {}

    def take(self, path: Path) -> None:
        """Give ``path`` to this user."""
        if self.name is not None:
            os.chown(path, self.uid, self.gid)

    def closed_folder(self, target: Path) -> Path | None:
        """The first folder on the way to ``target`` that this user cannot pass through."""
        for folder in reversed(target.parents):
            found = folder.stat()
            bit = 0o100 if found.st_uid == self.uid else 0o010 if found.st_gid == self.gid else 0o001
            if not found.st_mode & bit:
                return folder
        return None


def _passing_capability() -> str | None:
    """The narrowest of our capabilities with which a process passes through closed folders."""
    status = Path("/proc/self/status").read_text()
    held = int(next(line for line in status.splitlines() if line.startswith("CapBnd:")).split()[1], 16)
    return next((name for name, bit in PASSING_CAPABILITIES.items() if held & 1 << bit), None)


def run_as() -> RunAs:
    """Ourselves, or when we are root the first of UNPRIVILEGED that this machine knows."""
    if os.geteuid() != 0:
        return RunAs(None, os.geteuid(), os.getegid())
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return RunAs(name, entry.pw_uid, entry.pw_gid)
    raise LeadmillError(
        f"Postgres refuses to run as root and this machine has none of the users {', '.join(UNPRIVILEGED)}. "
        "Make one (useradd --system postgres) or run ./leadmill as an ordinary user."
    )
