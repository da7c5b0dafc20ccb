"""Great Expectations, imported quietly: it logs hundreds of lines while its modules are built."""

import logging
from typing import Any


def great_expectations() -> Any:
    """The module ``great_expectations`` with its expectations imported."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations
    import great_expectations.expectations

    return great_expectations
