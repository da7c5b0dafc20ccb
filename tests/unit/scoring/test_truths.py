"""Truths as bits, without a database."""

import numpy as np
import pyarrow as pa

from leadmill.scoring.truths import packed, unpacked


def test_more_truths_than_a_number_has_bits_are_packed_and_unpacked() -> None:
    names = [f"t{at}" for at in range(70)]
    given = np.random.default_rng(1).random((20, len(names))) < 0.5
    assert [part.as_string(None).partition(" AS ")[2] for part in packed(names)] == [
        '"truths 0"', '"truths 1"', '"truths 2"',
    ]  # fmt: skip
    assert packed(names[:2])[0].as_string(None) == '("t0"::int << 0) | ("t1"::int << 1) AS "truths 0"'
    numbers = [(given[:, at : at + 31] << np.arange(given[:, at : at + 31].shape[1])).sum(axis=1) for at in (0, 31, 62)]
    rows = pa.table({f"truths {at}": pa.array(part, pa.int32()) for at, part in enumerate(numbers)})
    found = unpacked(rows, names)
    assert np.array_equal(np.column_stack([found[name].to_numpy() for name in names]), given)


def test_without_truths_nothing_is_asked_for() -> None:
    rows = pa.table({"a": [1.0]})
    assert (packed([]), unpacked(rows, [])) == ([], rows)
