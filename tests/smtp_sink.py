"""A mail server that keeps what it is given: enough of SMTP (RFC 5321) for a client that sends."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class Sink:
    """The port to send to, and the messages so far; while ``refuses`` it takes none."""

    port: int = 0
    refuses: bool = False
    messages: list[EmailMessage] = field(default_factory=list)


@contextmanager
def mail_server() -> Iterator[Sink]:
    """A server on a free port of the loopback address, until the block ends."""
    sink = Sink()

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 sink")
            while line := self.rfile.readline():
                word = line.decode().split(" ")[0].strip().upper()
                if word == "DATA":
                    self._say("354 go on")
                    self._keep()
                elif word == "QUIT":
                    self._say("221 bye")
                    return
                elif word in ("EHLO", "HELO", "MAIL", "RCPT", "NOOP", "RSET"):
                    self._say("451 not now" if sink.refuses and word == "MAIL" else "250 sink")
                else:
                    self._say("502 not known here")

        def _keep(self) -> None:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line[1:] if line.startswith(b"..") else line)
            message = message_from_bytes(b"".join(lines), policy=policy.default)
            assert isinstance(message, EmailMessage)
            sink.messages.append(message)
            self._say("250 kept")

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
        sink.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield sink
        server.shutdown()
        thread.join()
