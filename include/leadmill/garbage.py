"""How often Python looks for garbage that goes round in circles."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# A batch makes tens of thousands of objects, and next to none of them is such garbage: by Python's own threshold of 700
# they, and every module that is loaded, are looked through again and again.
SELDOM = (100_000, 20, 50)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Look for garbage seldom meanwhile, in the whole process; also a decorator."""
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
