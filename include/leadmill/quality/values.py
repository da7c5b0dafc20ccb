"""Raw text to values: what counts as missing, and how text becomes a number, a truth, a level or a moment.

Every function takes Arrow arrays of text and gives an array of the same length. The row rules and the typed rows are
made from these, so they cannot disagree.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from leadmill.columns import OTHER_LEVEL, Column, lower
from leadmill.quality import times

if TYPE_CHECKING:
    import pyarrow as pa

# Postgres writes up to 17 digits of a float, and zeros before them.
NUMBER_PATTERN = r"^[+-]?([0-9]{1,15}([.][0-9]{0,30})?|[.][0-9]{1,30})([eE][+-]?[0-9]{1,2})?$"
WHOLE_PATTERN = r"^[+-]?[0-9]{1,15}([.]0{0,15})?$"
TRUE_WORDS = ("yes", "true", "t", "y", "1", "1.0")
FALSE_WORDS = ("no", "false", "f", "n", "0", "0.0")
MAX_LENGTH = 1000
# Control characters, and the sign under which the demo loader keeps a NUL byte.
_UNCLEAN = r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\x{2400}]"
_TRUTHS = dict.fromkeys(TRUE_WORDS, True) | dict.fromkeys(FALSE_WORDS, False)


def given(texts: "pa.Array", missing: Iterable[str] = ()) -> "pa.Array":
    """The texts without spaces around them, null where empty or a missing marker, in any case of letters."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim(texts, " ")
    markers = pa.array(sorted({"", *(lower(marker) for marker in missing)}), pa.string())
    return _where(pc.invert(pc.is_in(pc.utf8_lower(trimmed), markers)), trimmed)


def key(kind: str, texts: "pa.Array") -> "pa.Array":
    """Well-formed keys of a key type as they are stored."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == "uuid":
        return pc.ascii_lower(texts)
    return pc.cast(texts, pa.int64()) if kind == "int" else texts


def clean(texts: "pa.Array") -> "pa.Array":
    """Whether each is at most MAX_LENGTH characters, none of them a control character; null for null."""
    import pyarrow.compute as pc

    short = pc.less_equal(pc.utf8_length(texts), MAX_LENGTH)
    return pc.and_(short, pc.invert(pc.match_substring_regex(texts, _UNCLEAN)))


def canonical(values: "pa.Array") -> "pa.Array":
    """The slug of each as :func:`leadmill.columns.slug` makes it, or null.

    A value of another script than Latin, of which no slug is left, is the level 'other'; mere signs are missing.
    """
    import pyarrow.compute as pc

    slugged = pc.utf8_trim(pc.replace_substring_regex(pc.utf8_lower(values), "[^a-z0-9]+", "_"), "_")
    foreign = pc.and_(pc.equal(slugged, ""), pc.match_substring_regex(values, r"\p{L}"))
    return pc.if_else(foreign, OTHER_LEVEL, _where(pc.not_equal(slugged, ""), slugged))


def number(column: Column, values: "pa.Array") -> "pa.Array":
    """Each as a float64, null where it is missing or none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    pattern = WHOLE_PATTERN if column.type == "int" else NUMBER_PATTERN
    numbers = _where(pc.match_substring_regex(values, pattern), values)
    # Arrow reads no plus sign.
    return pc.cast(pc.utf8_ltrim(numbers, "+"), pa.float64())


def truth(values: "pa.Array") -> "pa.Array":
    """Each as a boolean, or null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return _mapped(pc.utf8_lower(values), _TRUTHS, pa.bool_())


def level(column: Column, values: "pa.Array") -> "pa.Array":
    """The canonical level, by the declared spellings; 'other' for one that a closed vocabulary does not hold."""
    import pyarrow as pa
    import pyarrow.compute as pc

    slugs = canonical(values)
    if not column.levels:
        return slugs
    found = _mapped(slugs, column.spellings(), pa.string())
    return pc.if_else(pc.is_valid(slugs), pc.coalesce(found, OTHER_LEVEL), None)


def ordinal(column: Column, values: "pa.Array") -> "pa.Array":
    """Position of an ordered level, lowest 0, or null."""
    import pyarrow as pa

    positions = {word: column.ordinal(of) for word, of in column.spellings().items()}
    return _mapped(canonical(values), positions, pa.int64())


def prepared(column: Column, values: "pa.Array") -> "pa.Array":
    """What :func:`given` gave as values of the column's type before imputation, null where missing or no such value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type == "timestamp":
        return times.moment(values, column.timezone)
    if column.type == "category":
        return level(column, values)
    if column.type == "ordered":
        return ordinal(column, values)
    if column.type == "bool":
        return truth(values)
    found = number(column, values)
    return pc.cast(found, pa.int64()) if column.type == "int" else found


def _mapped(values: "pa.Array", results: Mapping[str, Any], kind: "pa.DataType") -> "pa.Array":
    """What ``results`` says of each text, null where nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    at = pc.index_in(values, pa.array(list(results), pa.string()))
    return pa.array(list(results.values()), kind).take(at)


def _where(condition: "pa.Array", values: "pa.Array") -> "pa.Array":
    """The values, null where the condition is not true."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(condition, values, pa.scalar(None, values.type))
