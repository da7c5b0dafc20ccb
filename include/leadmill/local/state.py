"""The state folder: everything that belongs to one local stack; deleting it is a full reset."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from leadmill.errors import LeadmillError


class StateNotWritable(LeadmillError):
    """The state folder cannot be made or written."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder = folder
        super().__init__(
            f"The state folder {folder} cannot be written: {reason}. "
            "Free or mend that folder, or name another one with LEADMILL_STATE=/path ./leadmill ..."
        )


class NoState(LeadmillError):
    """There is no local stack yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"There is no local stack in {folder} yet. Make one with './leadmill up'.")


class NotAStateFolder(LeadmillError):
    """What is to be deleted is not leadmill's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"{folder} is no state folder of leadmill: it holds other files and no stack. Nothing was deleted. "
            "Look at what LEADMILL_STATE names."
        )


@dataclass(frozen=True)
class StateFolder:
    """Paths inside one state folder. ``root`` is absolute."""

    root: Path

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def airflow(self) -> Path:
        return self.root / "airflow"

    @property
    def data_docs(self) -> Path:
        return self.root / "data_docs"

    @property
    def mlflow(self) -> Path:
        return self.root / "mlflow"

    @property
    def demo(self) -> Path:
        return self.root / "demo"

    @property
    def supervisor(self) -> Path:
        return self.root / "supervisor.json"

    @property
    def database_log(self) -> Path:
        return self.logs / "postgres.log"

    def exists(self) -> bool:
        """True once secrets and ports were written, that is after the first ``up``."""
        return self.secrets.is_file() and self.ports.is_file()

    def deletable(self) -> bool:
        """True when it is a stack's, or all that it holds is what an interrupted ``up`` or ``reset`` leaves."""
        if self.exists():
            return True
        if not self.root.is_dir():
            return False
        found = {entry.name for entry in self.root.iterdir()}
        files = (self.secrets, self.ports, self.lock, self.supervisor)
        own = {path.name for path in (*files, *self._private, self.logs, self.postgres)}
        drafts = tuple(f".{file.name}." for file in files)
        unknown = [name for name in found - own if not name.startswith(drafts)]
        return not found or (self.lock.name in found and not unknown)

    def open_lock(self) -> TextIO:
        """The lock file, made with its folder where absent. Raises StateNotWritable."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.lock.touch(mode=0o600)
            return self.lock.open("a")
        except OSError as error:
            raise self._not_writable(error) from error

    def create(self) -> None:
        """Make the folders with tight permissions. Raises StateNotWritable."""
        self.open_lock().close()
        try:
            # Under root, Postgres runs as another user, who must be able to pass through (not to list) the folder.
            mode = 0o711 if os.geteuid() == 0 else 0o700
            modes = {self.root: mode, self.logs: mode} | dict.fromkeys(self._private, 0o700)
            for folder, mode in modes.items():
                folder.mkdir(exist_ok=True, mode=mode)
                folder.chmod(mode)
        except OSError as error:
            raise self._not_writable(error) from error

    def delete(self) -> None:
        """Delete everything in it, the lock last, and the folder itself. The caller holds the lock."""
        for entry in self.root.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry != self.lock:
                entry.unlink()
        self.lock.unlink()
        try:
            self.root.rmdir()
        except OSError:
            return  # a mount, a link, or another command has begun anew in it: empty is as good

    @property
    def _private(self) -> tuple[Path, ...]:
        """Folders that hold customers' values or secrets and that Postgres does not need to reach."""
        return (self.airflow, self.data_docs, self.mlflow, self.demo)

    def _not_writable(self, error: OSError) -> StateNotWritable:
        return StateNotWritable(self.root, error.strerror or str(error))
