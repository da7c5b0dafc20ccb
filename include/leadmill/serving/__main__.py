"""``python -m leadmill.serving [--host H] [--port P]``: the service, by the environment alone."""

import argparse
import sys

from leadmill.errors import LeadmillError
from leadmill.serving.server import HOST, PORT, run


def main() -> None:
    """Serve until SIGTERM; exit code 1 where the environment lacks something."""
    parser = argparse.ArgumentParser(prog="python -m leadmill.serving", description="The scoring API.")
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, default=PORT)
    asked = parser.parse_args()
    try:
        run(asked.host, asked.port)
    except LeadmillError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
