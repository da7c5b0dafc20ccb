"""docker-compose.yaml without a container engine: its services as plain processes on this machine.

Each process gets the command and the environment of its service. What containers give and a process does not have is
replaced in their text: host names and ports, the folders of volumes and of the image, and the folder of secrets.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from leadmill.local import postgres, processes
from leadmill.local.ports import free_port

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docker-compose.yaml"
PATH = f"{Path(sys.executable).parent}:{postgres.binaries()}:/usr/bin:/bin"
_VARIABLE = re.compile(r"\$\$|\$\{(\w+):-([^}]*)\}")

# What services keep in the /tmp of their container.
_TEMPORARY = ("/tmp/passwords.json", "/tmp/worker.pid", "/tmp/bundles")

# Images whose command is only the arguments of a program, and what Debian calls the program.
PROGRAMS = {"prometheus": "prometheus", "postgres-exporter": "prometheus-postgres-exporter"}

Service = Mapping[str, Any]


def compose() -> dict[str, Any]:
    """The file with anchors resolved and the defaults of its variables filled in."""
    return _filled(yaml.safe_load(FILE.read_text()))


def _filled(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _filled(one) for name, one in node.items()}
    if isinstance(node, list):
        return [_filled(one) for one in node]
    if isinstance(node, str):
        return _VARIABLE.sub(lambda match: "$" if match[0] == "$$" else match[2], node)
    return node


@dataclass
class Ports:
    """Where this machine has room for what listens on a fixed port in its container."""

    postgres: int
    redis: int = field(default_factory=lambda: free_port(16379))
    api_server: int = field(default_factory=lambda: free_port(18080))
    scheduler: int = field(default_factory=lambda: free_port(18974))
    mlflow: int = field(default_factory=lambda: free_port(15000))
    api: int = field(default_factory=lambda: free_port(18200))
    statsd: int = field(default_factory=lambda: free_port(19125))
    postgres_exporter: int = field(default_factory=lambda: free_port(19187))
    prometheus: int = field(default_factory=lambda: free_port(19090))


class Processes:
    """Services of docker-compose.yaml as processes; their volumes and logs are below ``folder``."""

    def __init__(self, folder: Path, secrets: Path, state: Path, ports: Ports) -> None:
        self.folder, self.secrets, self.state, self.ports = folder, secrets, state, ports
        self.services: dict[str, Service] = compose()["services"]
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "airflow").mkdir(parents=True)
        (folder / "airflow" / "airflow.cfg").touch()
        (folder / "data" / "prometheus").mkdir(parents=True)
        (folder / "work").mkdir()
        self._texts = {
            "/run/secrets": str(secrets),
            "/opt/leadmill/airflow": str(folder / "airflow"),
            "/opt/leadmill": str(ROOT),
            "/var/lib/leadmill": str(state),
            "/var/log/airflow": str(folder / "logs"),
            "/etc/prometheus/prometheus.yml": str(folder / "prometheus.yml"),
            "path=/prometheus": f"path={folder}/data/prometheus",
            "postgres:5432": f"127.0.0.1:{ports.postgres}",
            "redis:6379": f"127.0.0.1:{ports.redis}",
            "api-server:8080": f"127.0.0.1:{ports.api_server}",
            "127.0.0.1:8080": f"127.0.0.1:{ports.api_server}",
            "127.0.0.1:8974": f"127.0.0.1:{ports.scheduler}",
            "127.0.0.1:5000": f"127.0.0.1:{ports.mlflow}",
            "scoring-api:8000": f"127.0.0.1:{ports.api}",
            "127.0.0.1:8000": f"127.0.0.1:{ports.api}",
            "127.0.0.1:9187": f"127.0.0.1:{ports.postgres_exporter}",
            "postgres-exporter:9187": f"127.0.0.1:{ports.postgres_exporter}",
            "127.0.0.1:9090": f"127.0.0.1:{ports.prometheus}",
            "localhost:9090": f"127.0.0.1:{ports.prometheus}",
            "--port 5000": f"--port {ports.mlflow}",
            "0.0.0.0": "127.0.0.1",
            "redis-cli -h 127.0.0.1": f"redis-cli -h 127.0.0.1 -p {ports.redis}",
        }
        self._named: dict[str, str] = {}
        self._variables = {
            "LEADMILL_PG_HOST": "127.0.0.1",
            "LEADMILL_PG_PORT": str(ports.postgres),
            "AIRFLOW__API__PORT": str(ports.api_server),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(ports.scheduler),
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(ports.statsd),
        }
        scraped = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text()
        (folder / "prometheus.yml").write_text(self._here(scraped, folder))
        for secret in secrets.iterdir():
            secret.write_text(self._here(secret.read_text(), folder))

    def start(self, service: str, name: str | None = None, *more: str) -> None:
        """Start a service under ``name`` (its own where none is given) with ``more`` arguments, and do not wait."""
        name = name or service
        self._named[name] = service
        command = [*self._command(service, name), *more]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                command,
                env=self.environment(service, name),
                cwd=self.folder / "work",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, service: str, *more: str) -> str:
        """Run a service that ends; what it said. Its exit code must be 0."""
        self.start(service, None, *more)
        code = self.running.pop(service).wait(timeout=180)
        assert code == 0, self.log(service)
        return self.log(service)

    def healthy(self, name: str, seconds: float = 120.0) -> float:
        """Repeat the health check of the service that runs under ``name`` until it passes; how long that took."""
        service = self._named.get(name, name)
        check, *command = self.services[service]["healthcheck"]["test"]
        temporary = self._temporary(name)
        command = [self._here(one, temporary) for one in (["sh", "-c", *command] if check == "CMD-SHELL" else command)]
        environment = self.environment(service, name) | {"PGPORT": str(self.ports.postgres)}
        began = time.monotonic()
        while True:
            result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if result.returncode == 0:
                return time.monotonic() - began
            started = self.running.get(name)
            ended = started is not None and started.poll() is not None
            if ended or time.monotonic() - began > seconds:
                raise AssertionError(f"{name}: {result.stdout}{result.stderr}\n{self.log(name)[-6000:]}")
            time.sleep(0.5)

    def environment(self, service: str, name: str) -> dict[str, str]:
        """The variables of the service's process."""
        temporary = self._temporary(name)
        given = self.services[service].get("environment", {})
        texts = {key: self._here(str(value), temporary) for key, value in given.items()}
        own = {
            "PATH": PATH,
            # A machine may choose the kernels of OpenBLAS by these. Others round differently, and then another of two
            # equally near neighbours fills a gap.
            **{key: value for key, value in os.environ.items() if key.startswith("OPENBLAS_")},
            "HOME": str(temporary),
            "HOSTNAME": name,
            "LANG": "C.UTF-8",
            processes.MARKER: str(self.folder),
            "SPT_NOENV": "1",
        }
        return own | texts | {key: value for key, value in self._variables.items() if key in texts}

    def written_into_the_image(self) -> set[str]:
        """Files in Airflow's home and in the working folder, which the containers can only read."""
        return {
            str(file.relative_to(self.folder))
            for part in ("airflow", "work")
            for file in (self.folder / part).rglob("*")
            if file.is_dir() or file.stat().st_size
        }

    def log(self, name: str) -> str:
        """What the process has written so far."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def stop(self) -> None:
        """End all processes, in the order in which Docker would: those that others depend on last."""
        for name in reversed(self.running):
            with suppress(ProcessLookupError):
                os.kill(self.running[name].pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and any(one.poll() is None for one in self.running.values()):
            time.sleep(0.1)
        left = processes.sweep(self.folder)
        for one in self.running.values():
            one.wait(timeout=10)
        assert left == []

    def _command(self, service: str, name: str) -> list[str]:
        described = self.services[service]
        command = [*described.get("entrypoint", []), *described.get("command", [])]
        here = [self._here(one, self._temporary(name)) for one in command]
        if service in PROGRAMS:
            port = {"prometheus": self.ports.prometheus, "postgres-exporter": self.ports.postgres_exporter}[service]
            return [PROGRAMS[service], *here, f"--web.listen-address=127.0.0.1:{port}"]
        if service == "scoring-api":
            here = [str(self.ports.api) if one == "8000" else one for one in here]
        if service == "redis":
            here = [str(self.folder / "data") if one == "/data" else one for one in here]
            here += ["--port", str(self.ports.redis), "--bind", "127.0.0.1"]
        return here

    def _here(self, text: str, temporary: Path) -> str:
        own = {there: f"{temporary}/{there.removeprefix('/tmp/')}" for there in _TEMPORARY}
        texts = self._texts | own
        return re.sub("|".join(map(re.escape, texts)), lambda match: texts[match[0]], text)

    def _temporary(self, name: str) -> Path:
        folder = self.folder / "tmp" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder
