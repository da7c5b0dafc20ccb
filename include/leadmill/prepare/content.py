"""Whether an entity's features say something new: a hash of the values before filling."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_MISSING = 0x9E3779B97F4A7C15
_FACTOR = 6364136223846793005


def with_content_hash(rows: "pa.Table", columns: Sequence[str]) -> "pa.Table":
    """``rows`` with ``content_hash``: 64 bits over the values of their ``columns``, written as text.

    Only neighbouring rows of one entity are ever compared, so two of them agree by chance once in 2^64.
    """
    import numpy as np
    import pyarrow as pa

    combined = np.zeros(len(rows), dtype=np.uint64)
    for name in columns:
        combined = (combined ^ _hashed(rows[name].combine_chunks())) * np.uint64(_FACTOR)
        combined ^= combined >> np.uint64(29)
    return rows.append_column("content_hash", pa.array(combined).cast(pa.string()))


def _hashed(values: "pa.Array") -> "NDArray[np.uint64]":
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(values.type):
        encoded = values.fill_null("").dictionary_encode()
        spelled = encoded.dictionary.to_numpy(zero_copy_only=False)
        hashed = pd.util.hash_array(spelled, categorize=False)[encoded.indices.to_numpy()]
    else:
        hashed = pd.util.hash_array(pc.fill_null(values, False if values.type == pa.bool_() else 0).to_numpy(False))
    return np.where(values.is_null().to_numpy(False), np.uint64(_MISSING), hashed)
