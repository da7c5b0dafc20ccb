"""The query around ``sql/features.sql``, whose faults are said in one line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leadmill.errors import FeaturesFailed
from leadmill.spec import UseCase
from leadmill.storage.frames import read_frame

if TYPE_CHECKING:
    import pandas as pd


def read_features(use_case: UseCase, statement: str, parameters: Sequence[object]) -> "pd.DataFrame":
    """Rows of ``statement``, as ``read_frame`` gives them. Raises FeaturesFailed where Postgres refuses it."""
    from adbc_driver_manager import DataError, ProgrammingError

    try:
        return read_frame(statement, parameters)
    except (ProgrammingError, DataError) as error:
        # The driver repeats the whole query after the first line.
        detail = str(error).splitlines()[0].rpartition("ERROR:")[2].strip()
        raise FeaturesFailed(use_case.name, detail) from error
