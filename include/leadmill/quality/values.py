"""SQL of a raw text value: what counts as missing, and how text becomes a number, a truth or a level.

Both the row rules and the typed rows are built from these, so they cannot disagree. The text goes through
SQLAlchemy's ``text()``, in Great Expectations as well as here; every literal comes from the spec and is quoted.
"""

from leadmill.columns import OTHER_LEVEL, Column, slug
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
    markers = ", ".join(literal(marker) for marker in sorted({"", *(marker.lower() for marker in missing)}))
    return f"CASE WHEN lower({trimmed}) IN ({markers}) THEN NULL ELSE {trimmed} END"


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
    value = f"lower({given_name(name, missing)})"
    return f"CASE WHEN {value} IN {_list(TRUE_WORDS)} THEN true WHEN {value} IN {_list(FALSE_WORDS)} THEN false END"


def level(column: Column) -> str:
    """The canonical level, by the declared spellings; 'other' for one that a closed vocabulary does not hold."""
    if not column.levels:
        return canonical(column)
    value = canonical(column)
    branches = " ".join(
        f"WHEN {value} IN {_list([spelling for spelling, of in column.spellings().items() if of == name])} "
        f"THEN {literal(name)}"
        for name in column.levels
    )
    rest = f"WHEN {value} IS NOT NULL THEN {literal(OTHER_LEVEL)}" if column.type == "category" else ""
    return f"CASE {branches} {rest} END"


def ordinal(column: Column) -> str:
    """Position of an ordered level, lowest 0, or NULL."""
    spelled = column.spellings()
    value = canonical(column)
    branches = " ".join(
        f"WHEN {value} IN {_list([word for word, of in spelled.items() if of == name])} THEN {column.ordinal(name)}"
        for name in column.levels
    )
    return f"CASE {branches} END"


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


def _list(words: tuple[str, ...] | list[str]) -> str:
    return "(" + ", ".join(literal(slug(word) if not _is_word(word) else word) for word in words) + ")"


def _is_word(word: str) -> bool:
    return word in TRUE_WORDS or word in FALSE_WORDS
