"""One side's whole path in a process of its own: ``python -m benchmarks.side stock|stock_copy|leadmill FOLDER``.

``stock_copy`` inserts by COPY and leaves materialize out. Prints one line of JSON: seconds and processor seconds by
step, and the peak memory of this process.
"""

import logging
import sys
from pathlib import Path
from typing import Any

from benchmarks import rows
from benchmarks.measured import Steps, answer, peak_mib
from benchmarks.world import TRAINED_ON, use_case
from leadmill import settings
from leadmill.local.postgres import Server
from leadmill.local.state import StateFolder


def run(side: str, artifacts: Path) -> dict[str, Any]:
    """Run the side on the server that runs now."""
    server = Server(StateFolder(settings.current().state)).pid()
    assert server is not None
    steps = Steps(server)
    if side == "leadmill":
        from benchmarks import leadmill_side

        leadmill_side.warm_up()
        logging.disable(logging.WARNING)
        leadmill_side.run(use_case(), steps)
    else:
        from benchmarks import stock_side

        stock_side.warm_up()
        logging.disable(logging.WARNING)
        copied = side == "stock_copy"
        insert = stock_side.insert_copy if copied else stock_side.insert_values
        since = rows.recorded_at(TRAINED_ON - 1)
        stock_side.run(use_case(), artifacts, since, steps, insert, online=not copied)
    return {"seconds": steps.seconds, "processor": steps.processor, "peak_mib": peak_mib()}


def main() -> None:
    answer(lambda: run(sys.argv[1], Path(sys.argv[2])))


if __name__ == "__main__":
    main()
