"""One declared column: from it the SQL column, the Feast type, the checks and the preprocessing derive."""

import re
from datetime import timedelta
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from leadmill import names
from leadmill.errors import nearest

ColumnType = Literal["int", "float", "bool", "category", "ordered", "timestamp"]
ImputeMethod = Literal["none", "constant", "unknown", "median", "mode", "knn", "tree", "linear"]
# They tell a value from the other features of its row.
TOLD_METHODS: tuple[ImputeMethod, ...] = ("knn", "tree", "linear")
LEARNED_METHODS: frozenset[ImputeMethod] = frozenset({"median", "mode", *TOLD_METHODS})
UNKNOWN_LEVEL = "unknown"
OTHER_LEVEL = "other"

# Words that Postgres keeps for itself (reserved in its keyword table, and those allowed only as functions or types).
_SQL_WORDS = frozenset(
    re.findall(
        r"\w+",
        """all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate
        collation column concurrently constraint create cross current_catalog current_date current_role current_schema
        current_time current_timestamp current_user default deferrable desc distinct do else end except false fetch for
        foreign freeze from full grant group having ilike in initially inner intersect into is isnull join lateral
        leading left like limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps
        placing primary references returning right select session_user similar some symmetric system_user table
        tablesample then to trailing true union unique user using variadic verbose when where window with""",
    )
)

DERIVED_FROM = "a fact: features derive from it"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,54}")
_SQL_TYPES: dict[ColumnType, str] = {
    "int": "bigint",
    "float": "double precision",
    "bool": "boolean",
    "category": "text",
    "ordered": "bigint",
    "timestamp": "timestamptz",
}


def slug(text: str) -> str:
    """Canonical level name: lower case, every run of other characters one underscore, none at the ends.

    ``quality/values.py`` does the same to columns, so a level written either way is one level.

    >>> slug("Flexibility & Convenience")
    'flexibility_convenience'
    """
    return re.sub(r"[^a-z0-9]+", "_", lower(text)).strip("_")


def lower(text: str) -> str:
    """In lower case, letter by letter: of a capital I with a dot Python alone makes two, Arrow and Postgres one."""
    return text.replace("\u0130", "i").lower()


def _identifier(value: str) -> str:
    if not _IDENTIFIER.fullmatch(value):
        raise ValueError(
            "a name of lower-case letters, digits and underscores, starting with a letter, at most 55 long"
        )
    if value in _SQL_WORDS:
        raise ValueError("a name that is not a reserved word of SQL")
    return value


def _level(value: str) -> str:
    if slug(value) != value:
        raise ValueError(f"a canonical level such as '{slug(value)}'")
    return value


def _zone(value: str) -> str:
    if value not in available_timezones():
        near = nearest(value, available_timezones())
        raise ValueError("an IANA time zone" + (f"; did you mean '{near}'?" if near else ""))
    return value


def duration(value: object) -> object:
    """A timedelta from what a spec writes, such as 30s, 1m, 12h or 7d. Raises ValueError."""
    found = re.fullmatch(r"(\d+)([smhd])", str(value))
    if isinstance(value, timedelta):
        return value
    if not found:
        raise ValueError("a duration such as 30s, 1m, 12h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


Zone = Annotated[str, AfterValidator(_zone)]
Duration = Annotated[timedelta, BeforeValidator(duration)]
Identifier = Annotated[str, AfterValidator(_identifier)]
Level = Annotated[str, AfterValidator(_level)]


class Frozen(BaseModel):
    """Base of everything in a spec: immutable, and a misspelt field is an error, as is a number that is not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Column(Frozen):
    """A column as the spec declares it; ``name`` is its key under ``features`` or, for events, under ``facts``.

    ``fact`` marks a feature of an event source whose raw values the facts carry under the same name, ``derived`` one of
    a snapshot that the source does not give: ``sql/features.sql`` derives it from the others. ``required``,
    ``timezone`` (of times written without an offset) and ``past`` (not after the time of recording) judge raw values.
    ``transform: log`` has models take log(1 + value): inside their own pipelines, so what is stored keeps its unit.
    """

    name: Identifier
    title: str
    type: ColumnType
    unit: str = ""
    description: str = ""
    min: float | None = None
    max: float | None = None
    levels: tuple[Level, ...] = ()
    aliases: dict[Level, tuple[str, ...]] = Field(default_factory=dict)
    missing: tuple[str, ...] = ()
    impute: ImputeMethod | None = None
    fill: float | str | bool | None = None
    outliers: Literal["keep", "clip"] = "keep"
    transform: Literal["none", "log"] = "none"
    known_at: Literal["observation", "after_contact"] = "observation"
    drop: str | None = None
    fact: bool = False
    derived: bool = False
    required: bool = False
    timezone: Zone | None = None
    past: bool = False

    @model_validator(mode="after")
    def _combination(self) -> Self:
        problem = self._wrong_combination()
        if problem:
            raise ValueError(problem)
        return self

    def _wrong_combination(self) -> str | None:
        numeric = self.type in ("int", "float")
        if self.known_at == "after_contact" and self.drop is None and (self.impute or self.outliers != "keep"):
            return (
                "a column known only after contact takes no 'impute' and no 'outliers': when a lead is scored nobody "
                "knows it yet, so it can never be a feature"
            )
        if self.drop is not None and self.impute:
            return "either 'drop' (not a feature) or 'impute' (a feature), not both"
        if self.derived and (not self.is_feature or self.missing or self.aliases or self.required):
            return "'derived: true' is a feature from sql/features.sql: it takes no missing, aliases, required or drop"
        if self.type != "timestamp" and (self.timezone or self.past):
            return f"'timezone' and 'past' need type timestamp, not '{self.type}'"
        if self.type == "timestamp" and self.is_feature:
            return "a timestamp is no feature: derive durations from it in sql/features.sql"
        if self.type == "ordered" and len(self.levels) < 2:
            return "type 'ordered' needs at least two 'levels', lowest first"
        if not numeric and (self.min is not None or self.max is not None or self.outliers == "clip"):
            return f"'min', 'max' and 'outliers: clip' need type int or float, not '{self.type}'"
        if self.transform == "log" and (not numeric or self.min is None or self.min < 0):
            return f"'transform: log' needs type int or float, not '{self.type}', and a 'min' of 0 or more"
        if self.min is not None and self.max is not None and self.min > self.max:
            return f"min {self.min:g} above max {self.max:g}"
        if self.impute in ("median", "linear") and self.type in ("bool", "category"):
            return f"'impute: {self.impute}' needs a number or ordered levels, not '{self.type}'"
        if self.impute == UNKNOWN_LEVEL and self.type != "category":
            return f"'impute: unknown' makes a level of its own and needs type category, not '{self.type}'"
        return self._wrong_fill()

    def _wrong_fill(self) -> str | None:
        if self.is_feature and self.impute is None:
            return (
                "a feature needs 'impute' (none, constant, unknown, median, mode, knn, tree or linear), or "
                "'drop: <reason>'"
            )
        if self.is_feature and self.impute != UNKNOWN_LEVEL and self.fill is None:
            return (
                f"'impute: {self.impute}' needs 'fill': the constant used before the first imputer is fitted "
                "(cold start)"
            )
        if self.fill is not None and not self._fits(self.fill):
            return f"'fill' {self.fill!r} is no value of this column: {self._values_said()}"
        stray = [level for level in self.aliases if self.levels and level not in self.levels]
        return f"alias for {stray[0]!r}, which is none of the 'levels'" if stray else None

    def _fits(self, fill: float | str | bool) -> bool:
        if self.type == "bool":
            return isinstance(fill, bool)
        if self.type in ("category", "ordered"):
            extra = (UNKNOWN_LEVEL,) if self.type == "category" else ()
            return isinstance(fill, str) and slug(fill) == fill and (not self.levels or fill in (*self.levels, *extra))
        if isinstance(fill, bool | str) or (self.type == "int" and fill != int(fill)):
            return False
        return (self.min is None or fill >= self.min) and (self.max is None or fill <= self.max)

    def _values_said(self) -> str:
        if self.type == "bool":
            return "true or false"
        if self.type in ("category", "ordered"):
            return f"one of the levels {', '.join(self.levels)}" if self.levels else "a canonical level"
        bounds = [f"{word} {bound:g}" for word, bound in (("from", self.min), ("to", self.max)) if bound is not None]
        return " ".join(["a whole number" if self.type == "int" else "a number", *bounds])

    @property
    def is_feature(self) -> bool:
        """Whether the column may feed a model."""
        return self.drop is None and self.known_at == "observation"

    @property
    def sql_type(self) -> str:
        """Postgres type of the prepared value (an ordered level is its ordinal, lowest 0)."""
        return _SQL_TYPES[self.type]

    @property
    def has_flag(self) -> bool:
        """Whether ``<column>_missing`` exists: 'unknown' is a flag by itself, 'none' says that nothing is missing."""
        return self.is_feature and self.impute not in (UNKNOWN_LEVEL, "none")

    @property
    def cold_start(self) -> float | str | bool | None:
        """What a missing value is before any imputer is fitted, as it is stored: an ordered level as its ordinal.

        With 'impute: none', what rows read that are older than the feature.
        """
        if self.impute == UNKNOWN_LEVEL:
            return UNKNOWN_LEVEL
        return self.ordinal(self.fill) if self.type == "ordered" and isinstance(self.fill, str) else self.fill

    @property
    def flag(self) -> str:
        return names.missing_flag(self.name)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Every level a prepared category may have; empty for an open vocabulary."""
        if self.type != "category" or not self.levels:
            return ()
        extra = [OTHER_LEVEL] + ([UNKNOWN_LEVEL] if UNKNOWN_LEVEL in (self.impute, self.fill) else [])
        return (*self.levels, *(level for level in extra if level not in self.levels))

    def spellings(self) -> dict[str, str]:
        """Slug of every declared spelling -> canonical level."""
        found = {slug(level): level for level in self.levels}
        for level, others in self.aliases.items():
            found |= {slug(other): level for other in others}
        return found

    def ordinal(self, level: str) -> int:
        """Position of an ordered level, lowest 0."""
        return self.levels.index(level)
