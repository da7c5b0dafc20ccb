"""Row rules of a use case: each is one SQL predicate that the GX suite and the quarantine both use."""

from dataclasses import dataclass

from leadmill import names
from leadmill.columns import Column
from leadmill.quality import values
from leadmill.spec import UseCase
from leadmill.storage.literals import literal

# Control characters, and the sign under which the demo loader keeps a NUL byte.
_UNCLEAN = r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\u2400]"


@dataclass(frozen=True)
class Rule:
    """``predicate`` is true for a row that obeys, never null; ``row`` is the raw table's alias."""

    name: str
    column: str
    says: str
    predicate: str


def row_rules(use_case: UseCase) -> tuple[Rule, ...]:
    """Every row rule, in a stable order."""
    key, label = use_case.entity.key, use_case.label.name
    found = [
        Rule(
            f"{key}: well-formed",
            key,
            f"present and a {use_case.entity.key_type}",
            f"coalesce({key} ~ {literal(use_case.entity.key_pattern)}, false)",
        ),
        Rule(
            f"{label}: yes or no",
            label,
            "yes, no or not known yet",
            f"({values.given_name(label)} IS NULL OR ({values.truth_name(label)}) IS NOT NULL)",
        ),
    ]
    if not use_case.has_events:
        found.insert(1, _once(use_case))
    for column in use_case.raw_columns:
        found.extend(_column_rules(column))
    return tuple(found)


def _once(use_case: UseCase) -> Rule:
    """A snapshot has one row per entity; facts about one entity may share a recorded time."""
    key = use_case.entity.key
    return Rule(
        f"{key}: once",
        key,
        "at most once at one recorded time in a window; the first is kept",
        f"NOT EXISTS (SELECT FROM {names.raw_table(use_case)} AS earlier WHERE earlier.window_id = batch.window_id "
        f"AND {use_case.entity.same_key(f'earlier.{key}')} = {use_case.entity.same_key(f'batch.{key}')} "
        "AND earlier.recorded_at = batch.recorded_at "
        "AND earlier.row_no < batch.row_no)",
    )


def _column_rules(column: Column) -> list[Rule]:
    name, value = column.name, values.given(column)
    rules = [
        Rule(
            f"{name}: clean text",
            name,
            f"at most {values.MAX_LENGTH} characters, none of them a control character",
            f"coalesce(length({name}) <= {values.MAX_LENGTH} AND {name} !~ {literal(_UNCLEAN)}, true)",
        )
    ]
    if column.type in ("int", "float"):
        kind = "a whole number" if column.type == "int" else "a number"
        number = values.number(column)
        rules.append(Rule(f"{name}: number", name, kind, f"({value} IS NULL OR ({number}) IS NOT NULL)"))
        bounds = [f"({number}) >= {column.min!r}"] if column.min is not None else []
        bounds += [f"({number}) <= {column.max!r}"] if column.max is not None else []
        if bounds:
            says = " and ".join(_bound(column))
            rules.append(Rule(f"{name}: range", name, says, f"coalesce({' AND '.join(bounds)}, true)"))
    if column.required:
        rules.append(Rule(f"{name}: present", name, "present", f"({value}) IS NOT NULL"))
    if column.type == "timestamp":
        rules.extend(_time_rules(column, value))
    if column.type == "bool":
        rules.append(
            Rule(f"{name}: yes or no", name, "yes or no", f"({value} IS NULL OR ({values.truth(column)}) IS NOT NULL)")
        )
    if column.type == "ordered":
        says = f"one of {', '.join(column.levels)}"
        rules.append(Rule(f"{name}: level", name, says, f"({value} IS NULL OR ({values.ordinal(column)}) IS NOT NULL)"))
    return rules


def _time_rules(column: Column, value: str) -> list[Rule]:
    name, moment = column.name, values.moment(column)
    rules = [Rule(f"{name}: time", name, "a date or time", f"({value} IS NULL OR ({moment}) IS NOT NULL)")]
    if column.timezone:
        says = f"a time that the clocks of {column.timezone} show once, or a time with its offset"
        rules.append(Rule(f"{name}: local time", name, says, f"coalesce({values.shown_once(column)}, true)"))
    if column.past:
        says = "at most a minute after it was recorded"
        rules.append(
            Rule(f"{name}: past", name, says, f"coalesce({moment} <= recorded_at + interval '1 minute', true)")
        )
    return rules


def _bound(column: Column) -> list[str]:
    unit = f" {column.unit}" if column.unit else ""
    low = [f"at least {column.min:,.10g}{unit}"] if column.min is not None else []
    return low + ([f"at most {column.max:,.10g}{unit}"] if column.max is not None else [])
