"""Load a CSV file into the demo warehouse of docker-compose.yaml: ``load.py USE_CASE FILE.csv``."""

import sys
from pathlib import Path

from rich.console import Console

from leadmill.demo.files import load_with_progress
from leadmill.errors import LeadmillError
from leadmill.spec import load_use_case


def main() -> int:
    """0 when the file is in the warehouse, 1 when it was refused, 2 on wrong usage."""
    if len(sys.argv) != 3:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    try:
        load_with_progress(load_use_case(sys.argv[1]), Path(sys.argv[2]), Console(stderr=True))
    except LeadmillError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
