"""How the rows of a window follow each other, told as they are read, without asking Postgres to sort them."""

from functools import cached_property
from typing import TYPE_CHECKING

from leadmill.entity import Entity
from leadmill.hashes import some_equal

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

# Odd, so that no two times become one.
_FACTOR = 6364136223846793005


class SeenOrder:
    """Whether a window's rows come in the order of recorded_at, batch by batch."""

    def __init__(self) -> None:
        self.kept = True
        self._last: tuple[int, int] | None = None

    def add(self, rows: "pa.Table") -> None:
        """Rows with row_no and recorded_at; those that are not read in the order of row_no are not seen in order."""
        import numpy as np
        import pyarrow as pa

        if not self.kept or not len(rows):
            return
        numbers, times = rows["row_no"].to_numpy(), rows["recorded_at"].cast(pa.int64()).to_numpy()
        before, self._last = self._last, (int(numbers[-1]), int(times[-1]))
        ahead = before is None or (before[0] < numbers[0] and before[1] <= times[0])
        self.kept = bool(ahead and (np.diff(numbers) > 0).all() and (np.diff(times) >= 0).all())


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


def _joined(parts: "list[NDArray[np.uint64]]") -> "NDArray[np.uint64]":
    import numpy as np

    return np.concatenate([*parts, np.array([], dtype=np.uint64)])


def _spelled(kind: str, keys: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow.compute as pc

    if kind == "uuid":
        return pc.ascii_lower(keys)
    return pc.ascii_ltrim(keys, "0") if kind == "int" else keys
