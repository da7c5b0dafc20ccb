"""Both Great Expectations suites of a use case, built from its rules."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadmill import names
from leadmill.columns import Column
from leadmill.quality.gx import great_expectations
from leadmill.quality.rules import Rule, all_rules
from leadmill.spec import UseCase
from leadmill.storage.literals import literal

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

# GX puts in the name of its temporary table.
_BATCH = "(SELECT * FROM {batch}) AS batch"
_ROWS = "rows of the window"


@dataclass(frozen=True)
class FeatureRule(Rule):
    """``predicate`` is SQL: true for a prepared row that keeps the rule, never null."""

    predicate: str


@dataclass(frozen=True)
class Batch:
    """A query against Postgres and what is expected of it; each expectation's ``meta`` has its rule and column."""

    query: str
    expectations: "list[Expectation]"


def feature_rules(use_case: UseCase) -> tuple[FeatureRule, ...]:
    """Rules of the prepared rows: every column filled, in range, of the vocabulary."""
    found = []
    for column in use_case.feature_columns:
        says, predicate = _prepared_rule(column)
        if column.has_flag:
            predicate += f" AND {column.flag} IS NOT NULL"
        found.append(FeatureRule(f"{column.name}: prepared", column.name, f"filled {says}".strip(), f"({predicate})"))
    return tuple(found)


def _prepared_rule(column: Column) -> tuple[str, str]:
    name = column.name
    filled = f"{name} IS NOT NULL"
    if column.type == "ordered":
        return f"and one of {', '.join(column.levels)}", f"{filled} AND {name} BETWEEN 0 AND {len(column.levels) - 1}"
    if column.vocabulary:
        levels = ", ".join(literal(level) for level in column.vocabulary)
        return "and of the declared vocabulary", f"{filled} AND {name} IN ({levels})"
    if column.type == "category":
        return "and canonical", f"{filled} AND {name} ~ '^[a-z0-9_]+$'"
    bounds = [f"{name} >= {column.min!r}"] if column.min is not None else []
    bounds += [f"{name} <= {column.max!r}"] if column.max is not None else []
    return ("and in range" if bounds else ""), " AND ".join([filled, *bounds])


def raw_batch(use_case: UseCase, window_id: int) -> Batch:
    """Of one raw window: there are rows, where time alone changes nothing, and none was set aside for any rule.

    The batch is one row: how many raw rows there are and, by rule, how many are in quarantine.
    """
    gxe = great_expectations().expectations
    rules = all_rules(use_case)
    counts = ", ".join(
        f'(count(*) FILTER (WHERE {literal(rule.name)} = ANY(rules)))::int AS "{names.safe_name(rule.name)}"'
        for rule in rules
    )
    rows = f"(SELECT count(*) FROM {names.raw_table(use_case)} WHERE window_id = {window_id:d})::int"
    query = f'SELECT {rows} AS "{_ROWS}", {counts} FROM ({_set_aside(use_case, "raw", window_id)}) AS rejected'
    least = 0 if use_case.has_events else 1
    some = gxe.ExpectColumnSumToBeBetween(column=_ROWS, min_value=least, meta={"rule": "window: has rows"})
    return Batch(query, [some, *_nobody_breaks(rules)])


def features_batch(use_case: UseCase, window_id: int, prepared: int) -> Batch:
    """Of the prepared window: no prepared row is missing and none breaks a rule.

    The batch is one row, which Postgres adds up from those staged: how many there are and, by rule, how many break it.
    Of a query that gives every row, Great Expectations fetches all, only to learn the names of its columns.
    """
    gxe = great_expectations().expectations
    rules = feature_rules(use_case)
    broken = ", ".join(
        f'(count(*) FILTER (WHERE NOT ({rule.predicate})))::int AS "{names.safe_name(rule.name)}"' for rule in rules
    )
    staged = f"{names.staging_table(use_case)} AS batch WHERE window_id = {window_id:d}"
    counted = gxe.ExpectColumnSumToBeBetween(
        column=_ROWS, min_value=prepared, max_value=prepared, meta={"rule": "window: every row prepared"}
    )
    return Batch(f'SELECT count(*)::int AS "{_ROWS}", {broken} FROM {staged}', [counted, *_nobody_breaks(rules)])


def broken_batch(
    use_case: UseCase, suite: str, window_id: int, rules: Iterable[Rule], broken: Collection[str]
) -> Batch:
    """The quarantined rows of the window, with expectations that count and show those which break these rules."""
    found = [_expectation(rule) for rule in rules if rule.name in broken]
    return Batch(_set_aside(use_case, suite, window_id), found)


def _set_aside(use_case: UseCase, suite: str, window_id: int) -> str:
    rejected = names.rejected_table(use_case)
    return f"SELECT * FROM {rejected} WHERE window_id = {window_id:d} AND suite = {literal(suite)}"


def _nobody_breaks(rules: Iterable[Rule]) -> "list[Expectation]":
    """That the column of each rule adds up to 0."""
    gxe = great_expectations().expectations
    return [
        gxe.ExpectColumnSumToBeBetween(
            column=names.safe_name(rule.name),
            min_value=0,
            max_value=0,
            description=f"{rule.column}: {rule.says}",
            meta={"rule": rule.name, "column": rule.column},
        )
        for rule in rules
    ]


def _expectation(rule: Rule) -> "Expectation":
    gxe = great_expectations().expectations
    named = literal(rule.name).replace("{", "{{").replace("}", "}}")
    query = (
        f'SELECT row_no, left("row" ->> {literal(rule.column)}, 80) AS value FROM {_BATCH} WHERE {named} = ANY(rules)'
    )
    expectation: Expectation = gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=query,
        description=f"{rule.column}: {rule.says}",
        meta={"rule": rule.name, "column": rule.column},
    )
    return expectation
