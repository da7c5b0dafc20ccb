"""Run the benchmarks: ``python -m benchmarks --rows N --output FOLDER``; ``./leadmill bench`` starts this.

Progress goes to stdout, what the libraries say to stderr; results.json, the plots and the page go to FOLDER.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from benchmarks import run
from leadmill.errors import LeadmillError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=run.PARTS, default=list(run.DEFAULT_PARTS))
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    # Whoever is told to end stops the server that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Libraries keep the stream that was stdout when they were imported: it leads to stderr from here on.
    shown = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    started = time.monotonic()

    def progress(step: str) -> None:
        shown.write(f"{time.monotonic() - started:7.1f} s  {step}\n")
        shown.flush()

    try:
        run.run(arguments.rows, arguments.repeats, arguments.only, arguments.output, progress)
    except LeadmillError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
