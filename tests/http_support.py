"""Small HTTP servers that stand for others."""

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler


class JsonHandler(BaseHTTPRequestHandler):
    """Answers are JSON."""

    def say(self, status: HTTPStatus, found: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())
