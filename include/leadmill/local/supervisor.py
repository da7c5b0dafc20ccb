"""The process that runs Airflow's four components and the scoring API, restarts one that dies, and ends with all.

Started as ``python -m leadmill.local.supervisor STATE`` with the stack's environment. Importing Airflow costs seconds
of processor time, so it is imported once here and each component is forked from this process. Nothing here opens a
connection or a thread before a fork.
"""

import ctypes
import gc
import importlib
import importlib.metadata
import json
import os
import runpy
import signal
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from leadmill.local import ports, processes
from leadmill.local.credentials import write_private
from leadmill.local.state import StateFolder

# Not a part of Airflow: a program of its own, without what is imported here.
API = "scoring-api"
COMPONENTS = {
    "api-server": ("api-server",),
    # Airflow's log servers listen on all interfaces; on one machine the API server reads the files itself.
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
    API: (),
}
PRELOADED = (
    "airflow.cli.cli_parser",
    "airflow.cli.commands.scheduler_command",
    "airflow.cli.commands.dag_processor_command",
    "airflow.cli.commands.triggerer_command",
    "airflow.cli.commands.api_server_command",
    "airflow.cli.commands.db_command",
    # What every DAG file asks for. Tasks are forks of forks: what is here, none of them imports.
    "airflow.providers.standard.decorators.python",
)
STOP_SECONDS = 5.0
STEADY_SECONDS = 60.0
MAX_PAUSE_SECONDS = 30.0
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


@dataclass
class Component:
    """One component; ``pid`` is also its session."""

    name: str
    pid: int = 0
    starts: int = 0
    started_at: float = 0.0
    failures: int = 0
    start_at: float = 0.0


@dataclass
class Supervisor:
    """Runs the components until told to stop."""

    state: StateFolder
    components: list[Component] = field(default_factory=lambda: [Component(name) for name in COMPONENTS])
    stopping: bool = False

    def run(self) -> int:
        """Run until SIGTERM; the exit code."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._record()
        for module in PRELOADED:
            importlib.import_module(module)
        gc.collect()
        gc.freeze()  # keeps the imported objects' pages shared between the components
        if not self._start_all():
            self._end_all()
            return 1
        while not self.stopping:
            self._reap()
            self._start_those_due()
            time.sleep(0.2)
        self._end_all()
        return 0

    def _start_all(self) -> bool:
        """Fork all components; where the schema must change first, they warm up meanwhile behind a gate."""
        if self._schema_is_current():
            for component in self.components:
                self._start(component)
            return True
        migration = self._fork("migration", ("db", "migrate"), None)
        gate = os.pipe()
        for component in self.components:
            self._start(component, gate)
        os.close(gate[0])
        succeeded = self._migration_succeeded(migration)
        os.close(gate[1])  # the components see the end of the pipe and go on
        return succeeded

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _schema_is_current(self) -> bool:
        marker = self.state.airflow / "migrated"
        return marker.exists() and marker.read_text() == _airflow_version()

    def _migration_succeeded(self, pid: int) -> bool:
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) != 0:
            _say(f"airflow db migrate failed, see {self.state.logs / 'migration.log'}")
            return False
        (self.state.airflow / "migrated").write_text(_airflow_version())
        return True

    def _start(self, component: Component, gate: tuple[int, int] | None = None) -> None:
        component.pid = self._fork(component.name, COMPONENTS[component.name], gate)
        component.starts += 1
        component.started_at = time.monotonic()
        component.start_at = 0.0
        self._record()

    def _start_those_due(self) -> None:
        now = time.monotonic()
        for component in self.components:
            if component.pid == 0 and now >= component.start_at:
                self._start(component)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for component in self.components:
                if component.pid == pid:
                    self._note_death(component, status)

    def _note_death(self, component: Component, status: int) -> None:
        # What a killed component leaves behind (executor workers, their tasks) would run beside its successor.
        processes.send(processes.session_members(component.pid), signal.SIGKILL)
        lived = time.monotonic() - component.started_at
        component.failures = 0 if lived > STEADY_SECONDS else component.failures + 1
        pause = 0.0 if component.failures <= 1 else min(2.0**component.failures, MAX_PAUSE_SECONDS)
        component.start_at = time.monotonic() + pause
        component.pid = 0
        code = os.waitstatus_to_exitcode(status)
        _say(f"{component.name} ended with {code} after {lived:.0f} s; starting it again in {pause:.0f} s")

    def _end_all(self) -> None:
        sessions = [component.pid for component in self.components if component.pid]
        processes.send(sessions, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and any(processes.identity(pid) for pid in sessions):
            self._reap_quietly()
            time.sleep(0.1)
        for session in sessions:
            processes.send(processes.session_members(session), signal.SIGKILL)
        self._reap_quietly()

    def _reap_quietly(self) -> None:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return

    def _record(self) -> None:
        me = processes.identity(os.getpid())
        assert me is not None
        components = {one.name: {"pid": one.pid, "restarts": max(0, one.starts - 1)} for one in self.components}
        text = json.dumps({"process": asdict(me), "components": components}, indent=1)
        write_private(self.state.supervisor, text + "\n")

    def _fork(self, name: str, arguments: tuple[str, ...], gate: tuple[int, int] | None) -> int:
        parent = os.getpid()
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            _become(name, parent, self.state.logs / f"{name}.log")
            if name == API:
                _serve(self.state)
            if name == "api-server":
                importlib.import_module("airflow.api_fastapi.main")  # builds the application: seconds of work
            if gate is not None:
                _wait_for_opening(gate)
            _run_airflow(arguments)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except BaseException:  # noqa: BLE001 - the end of a process: whatever it was, its log must say it
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def _say(what: str) -> None:
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    sys.stdout.write(f"{moment} {what}\n")
    sys.stdout.flush()


def _become(name: str, parent: int, log: Path) -> None:
    """Turn a fresh fork into a component: own session, own log, dies with its parent."""
    os.setsid()
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    importlib.import_module("setproctitle").setproctitle(f"airflow {name}")


def _run_airflow(arguments: tuple[str, ...]) -> None:
    """What ``python -m airflow ARGUMENTS`` does. Airflow's program is run here, its API is not used."""
    sys.argv = ["airflow", *arguments]
    runpy.run_module("airflow", run_name="__main__", alter_sys=True)


def _serve(state: StateFolder) -> None:
    """Become the scoring API; it waits for no gate, Airflow's tables are nothing to it."""
    chosen = ports.load(state.ports)
    assert chosen is not None
    os.execv(sys.executable, [sys.executable, "-m", "leadmill.serving", "--port", str(chosen.api)])


def _wait_for_opening(gate: tuple[int, int]) -> None:
    os.close(gate[1])
    os.read(gate[0], 1)


def _airflow_version() -> str:
    return importlib.metadata.version("apache-airflow-core")


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")


if __name__ == "__main__":
    sys.exit(Supervisor(StateFolder(Path(sys.argv[1]))).run())
