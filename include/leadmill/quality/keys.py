"""Whether a snapshot's key may have come twice at one recorded time, without asking Postgres to sort the window."""

from typing import TYPE_CHECKING

from leadmill.entity import Entity
from leadmill.hashes import some_equal

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

# Odd, so that no two times become one.
_FACTOR = 6364136223846793005


class SeenKeys:
    """The keys and times of a window's rows, batch by batch; eight bytes a row."""

    def __init__(self, entity: Entity) -> None:
        self._entity, self._hashes = entity, list["NDArray[np.uint64]"]()
        self._unsure = False

    def add(self, rows: "pa.Table") -> None:
        """Rows with recorded_at and the key as text; those without a key are no one's."""
        import pandas as pd
        import pyarrow as pa
        import pyarrow.compute as pc

        found = rows.select([self._entity.key, "recorded_at"]).drop_null().combine_chunks()
        keys, times = found.columns
        # Of other letters Postgres may know better which are the same.
        self._unsure |= pc.all(pc.string_is_ascii(keys)).as_py() is False
        same = pc.utf8_slice_codeunits(_spelled(self._entity.key_type, keys), 0, 200)
        hashed = pd.util.hash_array(same.to_numpy(), categorize=False)
        self._hashes.append(hashed ^ (times.cast(pa.int64()).to_numpy().view("uint64") * _FACTOR))

    def perhaps_twice(self) -> bool:
        """False where no two rows have :meth:`leadmill.entity.Entity.same_key` and time in common."""
        import numpy as np

        return self._unsure or some_equal(np.concatenate([*self._hashes, np.array([], dtype=np.uint64)]))


def _spelled(kind: str, keys: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow.compute as pc

    if kind == "uuid":
        return pc.ascii_lower(keys)
    return pc.ascii_ltrim(keys, "0") if kind == "int" else keys
