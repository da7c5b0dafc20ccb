"""The service as a process of its own."""

import uvicorn

from leadmill.serving.app import create_app
from leadmill.serving.logs import configure

HOST, PORT = "127.0.0.1", 8000
_GRACE = 20
_BACKLOG = 512


def run(host: str = HOST, port: int = PORT) -> None:
    """Serve until SIGTERM or SIGINT; requests that were accepted by then are answered first."""
    configure()
    uvicorn.run(
        create_app(),
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        server_header=False,
        log_config=None,
        backlog=_BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE,
    )
