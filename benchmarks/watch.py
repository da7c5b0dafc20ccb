"""Peak memory of the server's processes while something runs."""

import threading
from types import TracebackType
from typing import Self

from benchmarks.measured import children, peak_mib

_EVERY = 0.2


class Watch:
    """``peak_mib``: the largest resident size that a child of the process ``parent`` reached, shared pages included."""

    def __init__(self, parent: int) -> None:
        self.parent, self.peak_mib = parent, 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            for child in children(self.parent):
                self.peak_mib = max(self.peak_mib, peak_mib(child))
