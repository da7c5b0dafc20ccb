"""Whether keys of a window may come twice, told as its rows are read, without asking Postgres to sort them."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from leadmill.entity import Entity
from leadmill.hashes import some_equal

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

# Odd, so that no two times become one.
_FACTOR = 6364136223846793005


class SeenKeys:
    """The keys and times of a window's rows, batch by batch; sixteen bytes a row."""

    def __init__(self, entity: Entity) -> None:
        self._entity = entity
        self._keys, self._times = list["NDArray[np.uint64]"](), list["NDArray[np.uint64]"]()
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
        self._keys.append(pd.util.hash_array(same.to_numpy(), categorize=False))
        self._times.append(times.cast(pa.int64()).to_numpy().view("uint64") * _FACTOR)

    @cached_property
    def each_once(self) -> bool:
        """True only where no two rows have :meth:`leadmill.entity.Entity.same_key` in common; asked after the last."""
        return not self._unsure and not some_equal(_joined(self._keys))

    def perhaps_twice(self) -> bool:
        """False where no two rows have the same key and time; asked after the last."""
        if self.each_once:
            return False
        return self._unsure or some_equal(_joined(self._keys) ^ _joined(self._times))


def _joined(parts: "list[NDArray[Any]]") -> "NDArray[Any]":
    import numpy as np

    return np.concatenate(parts) if parts else np.array([], dtype=np.int64)


def _spelled(kind: str, keys: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow.compute as pc

    if kind == "uuid":
        return pc.ascii_lower(keys)
    return pc.ascii_ltrim(keys, "0") if kind == "int" else keys
