"""The scoring API as a process would run it: real HTTP on a free port, in a thread of this process."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from scoring_support import Trained, score, training
from support import until

from leadmill import settings
from leadmill.features.materialize import materialize
from leadmill.serving.app import create_app
from leadmill.serving.config import Config
from leadmill.serving.state import State
from leadmill.spec import UseCase
from leadmill.storage import api_keys

ROUTE = "/api/v1/x_education"


@dataclass
class Api:
    """A running service, and a client with a key that may do everything."""

    state: State
    client: httpx.Client
    key: str
    server: uvicorn.Server
    trained: Trained | None = None

    @property
    def url(self) -> str:
        return str(self.client.base_url)

    def predict(self, key: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer about one lead, which must be one."""
        found = self.client.post(f"{ROUTE}/predict", json={"lead_id": key, "payload": payload})
        assert found.status_code == 200, found.text
        answer: dict[str, Any] = found.json()
        return answer

    def stop(self) -> None:
        """End the service now."""
        self.server.should_exit = True
        until(lambda: not self.server.servers or not self.server.servers[0].is_serving())

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.client.post(ROUTE + path, json=body)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(use_case: UseCase, key: str | None = None, **limits: Any) -> Iterator[Api]:
    """The service of one use case, ready; with other limits than the usual where given."""
    key = key or api_keys.create("a test", api_keys.SCOPES)
    current = settings.current()
    limited = {"keys_poll": 0.2, **limits}
    config = Config(current.database_url, current.mlflow_url, default_use_case=use_case.name, **limited)
    app = create_app(config, [use_case])
    server = uvicorn.Server(uvicorn.Config(app, port=free_port(), log_config=None, access_log=False, loop="uvloop"))
    thread = threading.Thread(target=server.run)
    thread.start()
    headers = {"X-API-Key": key}
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{server.config.port}", headers=headers, timeout=30, trust_env=False
        ) as client:
            until(lambda: server.started and client.get("/readyz").is_success)
            yield Api(app.state.leadmill, client, key, server)
    finally:
        server.should_exit = True
        thread.join(timeout=30)


@contextmanager
def served_training(*candidates: str) -> Iterator[Api]:
    """A champion among these candidates, its scores and online features, and the service."""
    with training(*candidates) as trained:
        materialize(trained.use_case)
        score(trained.use_case, "score-1")
        with serving(trained.use_case) as api:
            api.trained = trained
            yield api


@dataclass
class Service:
    """The service as a process of its own; ``log`` is what it wrote."""

    process: subprocess.Popen[bytes]
    url: str
    key: str
    log: Path


@contextmanager
def service(key: str, log: Path) -> Iterator[Service]:
    """A process that serves x_education's champion, ended by SIGTERM."""
    port = free_port()
    command = [sys.executable, "-m", "leadmill.serving", "--port", str(port)]
    with log.open("wb") as file:
        one = Service(subprocess.Popen(command, stderr=file), f"http://127.0.0.1:{port}", key, log)

    def ready() -> bool:
        try:
            return httpx.get(one.url, trust_env=False).json()["champions"]["x_education"] is not None
        except (httpx.HTTPError, KeyError):
            return False

    try:
        until(ready, 60)
        yield one
    finally:
        one.process.terminate()
        one.process.wait(timeout=30)
