"""Logs as one JSON object a line, with the request's id and without anybody's data."""

import logging
import sys
from datetime import UTC, datetime

import orjson

_OWN = ("request_id", "method", "route", "status", "ms", "use_case", "version", "rows")


class JsonLines(logging.Formatter):
    """Time, level, logger, message and our own fields; errors with their traceback, which stays in the log."""

    def format(self, record: logging.LogRecord) -> str:
        found: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        found |= {name: getattr(record, name) for name in _OWN if hasattr(record, name)}
        if record.exc_info:
            found["error"] = self.formatException(record.exc_info)
        return orjson.dumps(found, default=str).decode()


def configure() -> None:
    """Log to stderr as JSON lines, everything from level INFO on; what libraries say from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("leadmill").setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
