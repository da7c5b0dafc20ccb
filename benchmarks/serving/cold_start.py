"""How long a container of the Lambda function takes to its first answer, and to the next.

``python -m benchmarks.serving.cold_start`` in the environment of a filled database (eval "$(./leadmill env)") prints a
line of JSON: seconds of the imports, of the first event and of the second, and the processor's seconds of all.
"""

import json
import sys
import time
from typing import Any


def event(path: str) -> dict[str, Any]:
    """A GET as an HTTP API sends it."""
    http = {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.10", "userAgent": "a test"}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "localhost"},
        "requestContext": {"http": http, "stage": "$default", "requestId": "1"},
        "isBase64Encoded": False,
    }


def main() -> None:
    began = time.perf_counter()
    from leadmill.serving.aws import handler

    imported = time.perf_counter()
    first = handler(event("/"), None)
    answered = time.perf_counter()
    handler(event("/"), None)
    ended = time.perf_counter()
    champions = json.loads(first["body"])["champions"]
    figures = {"imports": imported - began, "first": answered - imported, "second": ended - answered}
    sys.stdout.write(json.dumps({**figures, "processor": time.process_time(), "champions": champions}) + "\n")


if __name__ == "__main__":
    main()
