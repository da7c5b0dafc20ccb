"""Equal hashes among many."""

import numpy as np

from leadmill.hashes import some_equal


def test_equal_hashes_are_found_wherever_they_stand() -> None:
    hashes = np.random.default_rng(7).permutation(1_000).astype(np.uint64)
    assert not some_equal(hashes)
    assert some_equal(np.append(hashes, hashes[3]))
    assert not some_equal(hashes[:0])
