"""Keys of files whose rows have none: the hash of what a row says."""

from collections.abc import Callable, Sequence
from hashlib import blake2b

from leadmill.columns import slug
from leadmill.layout import KeyHash

_BYTES = 16
_FIELD, _NOTHING = "\x1f", "\x00"


def key_maker(rule: KeyHash, columns: Sequence[str]) -> Callable[[Sequence[str | None]], str]:
    """Makes the key of a row from its values as written, in the order of ``columns`` (names as ``slug`` makes them).

    32 hexadecimal digits of BLAKE2b over the values in the order of their columns' names: the same row has the same
    key in whatever order a file has its columns, and two rows that say the same are one entity.
    """
    without = {slug(title) for title in rule.without}
    places = [at for _, at in sorted((column, at) for at, column in enumerate(columns) if column not in without)]

    def key(values: Sequence[str | None]) -> str:
        said = _FIELD.join(_NOTHING if (value := values[at]) is None else value for at in places)
        return blake2b(said.encode(), digest_size=_BYTES).hexdigest()

    return key
