"""The state folder: everything that belongs to one local stack; deleting it is a full reset."""

import os
from dataclasses import dataclass
from pathlib import Path

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
    def supervisor(self) -> Path:
        return self.root / "supervisor.json"

    @property
    def database_log(self) -> Path:
        return self.logs / "postgres.log"

    def exists(self) -> bool:
        """True once secrets and ports were written, that is after the first ``up``."""
        return self.secrets.is_file() and self.ports.is_file()

    def create(self) -> None:
        """Make the folders with tight permissions. Raises StateNotWritable."""
        try:
            # Under root, Postgres runs as another user, who must be able to pass through (not to list) the folder.
            mode = 0o711 if os.geteuid() == 0 else 0o700
            for folder in (self.root, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(mode)
            self.airflow.mkdir(exist_ok=True, mode=0o700)
            self.lock.touch(mode=0o600)
        except OSError as error:
            raise StateNotWritable(self.root, error.strerror or str(error)) from error
