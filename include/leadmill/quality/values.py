"""SQL of a raw text value: what counts as missing, and how text becomes a number, a truth or a level.

Both the row rules and the typed rows are built from these, so they cannot disagree. The text goes through
SQLAlchemy's ``text()``, in Great Expectations as well as here; every literal comes from the spec and is quoted.
"""

from collections.abc import Mapping

from leadmill.columns import OTHER_LEVEL, Column
from leadmill.storage.literals import literal

# Postgres writes up to 17 digits of a float, and zeros before them.
NUMBER_PATTERN = r"^[+-]?([0-9]{1,15}([.][0-9]{0,30})?|[.][0-9]{1,30})([eE][+-]?[0-9]{1,2})?$"
WHOLE_PATTERN = r"^[+-]?[0-9]{1,15}([.]0{0,15})?$"
TRUE_WORDS = ("yes", "true", "t", "y", "1", "1.0")
FALSE_WORDS = ("no", "false", "f", "n", "0", "0.0")
LOCAL_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?)?$"
ZONED_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)? ?"
    r"(Z|[+-][0-9]{2}(:?[0-9]{2}(:?[0-9]{2})?)?)$"
)
MAX_LENGTH = 1000
# By how much clocks are put back and forward somewhere in the world.
_SHIFTS = ("30 minutes", "1 hour", "2 hours")


def given(column: Column) -> str:
    """The value, trimmed, or NULL where it is empty or one of the column's missing markers."""
    return given_name(column.name, column.missing)


def given_name(name: str, missing: tuple[str, ...] = ()) -> str:
    """As :func:`given`, for a column of that name; markers count in any case of letters."""
    trimmed = f"btrim({name})"
    if not any(missing):
        return f"NULLIF({trimmed}, '')"
    markers = sorted({"", *(marker.lower() for marker in missing)})
    return _mapped(f"lower({trimmed})", dict.fromkeys(markers, "NULL"), trimmed)


def canonical(column: Column) -> str:
    """The slug of the value as :func:`leadmill.columns.slug` makes it, or NULL.

    A value of another script than Latin, of which no slug is left, is the level 'other'; mere signs are missing.
    """
    value = given(column)
    slugged = f"NULLIF(btrim(regexp_replace(lower({value}), '[^a-z0-9]+', '_', 'g'), '_'), '')"
    foreign = f"CASE WHEN {value} ~ {literal('[[:alpha:]]')} THEN {literal(OTHER_LEVEL)} END"
    return f"coalesce({slugged}, {foreign})"


def number(column: Column) -> str:
    """The value as a number, or NULL where it is missing or none."""
    pattern = WHOLE_PATTERN if column.type == "int" else NUMBER_PATTERN
    value = given(column)
    return f"CASE WHEN {value} ~ {literal(pattern)} THEN ({value})::float8 END"


def truth(column: Column) -> str:
    """The value as a boolean, or NULL."""
    return truth_name(column.name, column.missing)


def truth_name(name: str, missing: tuple[str, ...] = ()) -> str:
    words = dict.fromkeys(TRUE_WORDS, "true") | dict.fromkeys(FALSE_WORDS, "false")
    return _mapped(f"lower({given_name(name, missing)})", words)


def level(column: Column) -> str:
    """The canonical level, by the declared spellings; 'other' for one that a closed vocabulary does not hold."""
    if not column.levels:
        return canonical(column)
    spelled = {word: literal(level) for word, level in column.spellings().items()}
    return _mapped(f"coalesce({canonical(column)}, '')", {"": "NULL"} | spelled, literal(OTHER_LEVEL))


def ordinal(column: Column) -> str:
    """Position of an ordered level, lowest 0, or NULL."""
    return _mapped(canonical(column), {word: str(column.ordinal(of)) for word, of in column.spellings().items()})


def moment(column: Column) -> str:
    """The value as a timestamptz, or NULL where it is missing or none.

    A time with an offset is taken at its word; one without is local to the column's time zone, and none without that.
    """
    value = given(column)
    zoned = _if_valid(value, ZONED_PATTERN, "timestamptz", f"({value})::timestamptz")
    local = _local(column, f"({value})::timestamp AT TIME ZONE {literal(column.timezone)}") if column.timezone else ""
    return f"CASE {zoned} {local} END"


def shown_once(column: Column) -> str:
    """Whether a local time exists and exists once (not in the hour that is skipped or repeated); NULL for others."""
    value, zone = given(column), literal(str(column.timezone))
    local = f"({value})::timestamp"
    instant = f"({local} AT TIME ZONE {zone})"
    others = ", ".join(
        f"({instant} {sign} interval '{shift}') AT TIME ZONE {zone}" for shift in _SHIFTS for sign in "+-"
    )
    once = f"({instant} AT TIME ZONE {zone}) = {local} AND {local} NOT IN ({others})"
    return f"CASE {_local(column, once)} END"


def _local(column: Column, then: str) -> str:
    return _if_valid(given(column), LOCAL_PATTERN, "timestamp", then)


def _if_valid(value: str, pattern: str, kind: str, then: str) -> str:
    return f"WHEN {value} ~ {literal(pattern)} AND pg_input_is_valid({value}, '{kind}') THEN {then}"


def prepared(column: Column) -> str:
    """The typed value before imputation, NULL where it is missing."""
    if column.type == "timestamp":
        return moment(column)
    if column.type == "category":
        return level(column)
    if column.type == "ordered":
        return f"({ordinal(column)})::bigint"
    if column.type == "bool":
        return truth(column)
    return f"({number(column)})::{column.sql_type}"


def _mapped(value: str, results: Mapping[str, str], otherwise: str = "NULL") -> str:
    """SQL that evaluates ``value`` once, however many texts it is compared with."""
    branches = " ".join(f"WHEN {literal(text)} THEN {result}" for text, result in results.items())
    return f"CASE {value} {branches} ELSE {otherwise} END"
