"""One side's whole path in a process of its own: ``python -m benchmarks.side stock|stock_copy|leadmill FOLDER``.

``stock_copy`` inserts by COPY and leaves materialize out. Prints one line of JSON: seconds by step and the peak memory
of this process.
"""

import contextlib
import json
import logging
import sys
import warnings
from pathlib import Path

from benchmarks import rows
from benchmarks.measured import Steps, peak_mib
from benchmarks.world import TRAINED_ON, use_case


def main() -> None:
    side, artifacts = sys.argv[1], Path(sys.argv[2])
    warnings.simplefilter("ignore")
    steps = Steps()
    # What the libraries print belongs to no answer.
    with contextlib.redirect_stdout(sys.stderr):
        if side != "leadmill":
            from benchmarks import stock_side

            stock_side.warm_up()
            logging.disable(logging.WARNING)
            copied = side == "stock_copy"
            insert = stock_side.insert_copy if copied else stock_side.insert_values
            since = rows.recorded_at(TRAINED_ON - 1)
            stock_side.run(use_case(), artifacts, since, steps, insert, online=not copied)
        else:
            from benchmarks import leadmill_side

            leadmill_side.warm_up()
            logging.disable(logging.WARNING)
            leadmill_side.run(use_case(), steps)
    sys.stdout.write(json.dumps({"seconds": steps.seconds, "peak_mib": peak_mib()}) + "\n")


if __name__ == "__main__":
    main()
