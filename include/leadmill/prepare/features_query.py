"""The query around ``sql/features.sql``, whose faults are said in one line."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from leadmill.errors import FeaturesFailed
from leadmill.spec import UseCase
from leadmill.storage.frames import read_batches

if TYPE_CHECKING:
    import pyarrow as pa

# A batch is filled and copied before the next is read.
_ROWS = 50_000


def read_features(
    use_case: UseCase,
    statement: str,
    before: Iterable[str] = (),
    given: "tuple[str, Iterable[pa.Table]] | None" = None,
) -> "Iterator[pa.Table]":
    """Rows of ``statement``, as ``read_batches`` gives them. Raises FeaturesFailed where Postgres refuses it."""
    from adbc_driver_manager import DataError, ProgrammingError

    try:
        yield from read_batches(statement, _ROWS, before, given)
    except (ProgrammingError, DataError) as error:
        # The driver repeats the whole query, after what Postgres said of it or before.
        said, hint = (re.search(rf"{word}:\s*(.+)", str(error)) for word in ("ERROR", "HINT"))
        detail = said[1] if said else str(error).splitlines()[0]
        detail += f" ({hint[1].rstrip('.')})" if hint else ""
        raise FeaturesFailed(use_case.name, detail) from error
