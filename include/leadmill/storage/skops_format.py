"""skops, the model format without pickle."""

import warnings
from typing import Any
from zipfile import ZIP_DEFLATED


def skops_io() -> Any:
    """The module ``skops.io``, imported quietly; whoever needs skops gets it here.

    On import skops looks every scipy function up in all loaded modules, and Airflow's lazy ones answer each with a
    deprecation warning: thousands of lines in a task's log, and seconds to write them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import skops.io

    return skops.io


def dumps(thing: object) -> bytes:
    """``thing`` in skops format, compressed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bytes(skops_io().dumps(thing, compression=ZIP_DEFLATED))


def loads(artifact: bytes, trusted: list[str]) -> Any:
    """The thing back; a type that skops does not know to be harmless and ``trusted`` does not name is an error."""
    return skops_io().loads(artifact, trusted=trusted)
