"""Whether anything may have come twice, told by eight bytes of each."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def some_equal(hashes: "NDArray[np.uint64]") -> bool:
    """Whether two of them are equal."""
    import numpy as np

    found = np.sort(hashes)
    return bool((found[1:] == found[:-1]).any())
