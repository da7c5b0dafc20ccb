"""Free loopback ports, remembered so that addresses stay the same from one ``up`` to the next."""

import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from leadmill.local.credentials import write_private

PREFERRED_POSTGRES = 5433
PREFERRED_AIRFLOW = 8080
PREFERRED_API = 8000


@dataclass(frozen=True)
class Ports:
    """The loopback ports of one stack."""

    postgres: int
    airflow: int
    api: int = PREFERRED_API


def is_free(port: int) -> bool:
    """True when this process could listen on 127.0.0.1:port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do, so that a port in TIME_WAIT counts as free and a listening one does not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(preferred: int) -> int:
    """``preferred`` when it is free, else any free port."""
    if is_free(preferred):
        return preferred
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def load(file: Path) -> Ports | None:
    """The remembered ports, None when there are none (or the file is damaged: ports can be chosen anew)."""
    try:
        stored = json.loads(file.read_text())
        return Ports(**{name: int(port) for name, port in stored.items()})
    except (FileNotFoundError, ValueError, AttributeError, TypeError):
        return None


def save(file: Path, ports: Ports) -> None:
    """Remember ``ports``."""
    write_private(file, json.dumps(asdict(ports)) + "\n")
