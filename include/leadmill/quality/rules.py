"""Row rules of a use case: each is written once, here, and judges raw text before anything is made of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadmill.columns import Column
from leadmill.quality import times, values
from leadmill.quality.spelled import RawBatch
from leadmill.spec import UseCase

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_MINUTE = 60_000_000  # in microseconds


@dataclass(frozen=True)
class Rule:
    """What is asked of a column, in words that people read."""

    name: str
    column: str
    says: str


@dataclass(frozen=True)
class RowRule(Rule):
    """``broken`` gives which rows of a batch break the rule, None where none does."""

    broken: "Callable[[RawBatch], Mask | None]"


def row_rules(use_case: UseCase) -> tuple[RowRule, ...]:
    """Every rule that a row keeps or breaks by itself, in a stable order."""
    key, label, entity = use_case.entity.key, use_case.label.name, use_case.entity
    found = [
        RowRule(
            f"{key}: well-formed",
            key,
            f"present; {entity.key_words}",
            lambda batch: _unless(batch, key, _matching(batch[key].texts, entity.key_pattern)),
        ),
        RowRule(
            f"{label}: yes or no",
            label,
            "yes, no or not known yet",
            lambda batch: _unless(batch, label, _known(batch[label].given, values.truth(batch[label].given))),
        ),
    ]
    for column in use_case.raw_columns:
        found.extend(column_rules(column))
    return tuple(found)


def once_rule(use_case: UseCase) -> Rule:
    """A snapshot has one row per entity and time, which no row can say by itself; the quarantine looks for it."""
    key = use_case.entity.key
    return Rule(f"{key}: once", key, "at most once at one recorded time in a window; the first is kept")


def all_rules(use_case: UseCase) -> tuple[Rule, ...]:
    """Every rule of the raw rows, in the order of the suite. Facts about one entity may share a recorded time."""
    first, *others = row_rules(use_case)
    return (first, *(() if use_case.has_events else (once_rule(use_case),)), *others)


def column_rules(column: Column) -> Iterator[RowRule]:
    """What is asked of the values of one column."""
    name = column.name
    yield RowRule(
        f"{name}: clean text",
        name,
        f"at most {values.MAX_LENGTH} characters, none of them a control character",
        lambda batch: _unless(batch, name, _known_or_null(values.clean(batch[name].texts))),
    )
    kinds = {
        "int": ("number", "a whole number"),
        "float": ("number", "a number"),
        "bool": ("yes or no", "yes or no"),
        "ordered": ("level", f"one of {', '.join(column.levels)}"),
        "timestamp": ("time", "a date or time"),
    }
    if column.type in kinds:
        word, says = kinds[column.type]
        yield RowRule(
            f"{name}: {word}",
            name,
            says,
            lambda batch: _unless(batch, name, _known(batch[name].given, batch[name].prepared)),
        )
    if column.min is not None or column.max is not None:
        says = " and ".join(_bounds(column))
        yield RowRule(f"{name}: range", name, says, lambda batch: _unless(batch, name, _within(batch, column)))
    if column.required:
        yield RowRule(f"{name}: present", name, "present", lambda batch: _unless(batch, name, _given(batch, name)))
    if column.timezone:
        says = f"a time that the clocks of {column.timezone} show once, or a time with its offset"
        zone = column.timezone
        yield RowRule(
            f"{name}: local time",
            name,
            says,
            lambda batch: _unless(batch, name, _known_or_null(times.shown_once(batch[name].given, zone))),
        )
    if column.past:
        says = "at most a minute after it was recorded"
        yield RowRule(f"{name}: past", name, says, lambda batch: _later_than_recorded(batch, name))


def _unless(batch: RawBatch, name: str, kept: "pa.Array") -> "Mask | None":
    """The rows whose spelling of a column does not keep the rule; ``kept`` is never null."""
    return batch[name].rows_with(~kept.to_numpy(zero_copy_only=False))


def _matching(texts: "pa.Array", pattern: str) -> "pa.Array":
    import pyarrow.compute as pc

    return pc.coalesce(pc.match_substring_regex(texts, pattern), False)


def _known(given: "pa.Array", meant: "pa.Array") -> "pa.Array":
    """Whether each spelling is missing or means something."""
    import pyarrow.compute as pc

    return pc.or_(pc.is_null(given), pc.is_valid(meant))


def _known_or_null(kept: "pa.Array") -> "pa.Array":
    import pyarrow.compute as pc

    return pc.coalesce(kept, True)


def _given(batch: RawBatch, name: str) -> "pa.Array":
    import pyarrow.compute as pc

    return pc.is_valid(batch[name].given)


def _within(batch: RawBatch, column: Column) -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    number = pc.cast(batch[column.name].prepared, pa.float64())
    kept = pa.array([True] * len(number), pa.bool_())
    if column.min is not None:
        kept = pc.and_(kept, pc.greater_equal(number, column.min))
    if column.max is not None:
        kept = pc.and_(kept, pc.less_equal(number, column.max))
    return _known_or_null(kept)


def _later_than_recorded(batch: RawBatch, name: str) -> "Mask | None":
    import pyarrow as pa
    import pyarrow.compute as pc

    moment = batch[name].of_rows(batch[name].prepared)
    latest = pc.add(batch.rows["recorded_at"].combine_chunks(), pa.scalar(_MINUTE, pa.duration("us")))
    broken: Mask = pc.coalesce(pc.greater(moment, latest), False).to_numpy(zero_copy_only=False)
    return broken if broken.any() else None


def _bounds(column: Column) -> list[str]:
    unit = f" {column.unit}" if column.unit else ""
    low = [f"at least {column.min:,.10g}{unit}"] if column.min is not None else []
    return low + ([f"at most {column.max:,.10g}{unit}"] if column.max is not None else [])
