"""Both Great Expectations suites of a use case, built from its rules."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from leadmill import names
from leadmill.columns import Column
from leadmill.quality.gx import great_expectations
from leadmill.quality.rules import Rule, row_rules
from leadmill.spec import UseCase
from leadmill.storage.literals import literal

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

# GX puts the batch in as "(query) AS subselect" or as a table's name; rules call it "batch" in either case.
_BATCH = "(SELECT * FROM {batch}) AS batch"


def feature_rules(use_case: UseCase) -> tuple[Rule, ...]:
    """Rules of the prepared rows: every column filled, in range, of the vocabulary."""
    found = []
    for column in use_case.feature_columns:
        says, predicate = _prepared_rule(column)
        if column.has_flag:
            predicate += f" AND {column.flag} IS NOT NULL"
        found.append(Rule(f"{column.name}: prepared", column.name, f"filled {says}".strip(), f"({predicate})"))
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


def raw_suite(use_case: UseCase, rows: int) -> "list[Expectation]":
    """Expectations of one raw window: there are rows, where time alone changes nothing, and none breaks a rule."""
    gxe = great_expectations().expectations
    least = 0 if use_case.has_events else 1
    some = gxe.ExpectTableRowCountToBeBetween(min_value=least, meta={"rule": "window: has rows"})
    return [some, *_nobody_breaks(row_rules(use_case), rows)]


def features_suite(use_case: UseCase, prepared: int, rows: int) -> "list[Expectation]":
    """Expectations of the prepared window: no prepared row is missing and none of its ``rows`` breaks a rule."""
    gxe = great_expectations().expectations
    counted = gxe.ExpectTableRowCountToEqual(value=prepared, meta={"rule": "window: every row prepared"})
    return [counted, *_nobody_breaks(feature_rules(use_case), rows)]


def judged_query(use_case: UseCase, suite: str, window_id: int) -> str:
    """One row per row of the window, one column per rule: 1 where the row breaks it.

    Great Expectations adds all of them up in one statement, each once, so Postgres may share the rows out to workers.
    """
    broken = ", ".join(
        f'(NOT ({rule.predicate}))::int AS "{names.safe_name(rule.name)}"' for rule in _rules(use_case, suite)
    )
    return f"SELECT {broken} FROM {_table(use_case, suite)} AS batch WHERE window_id = {window_id:d}"


def broken_suite(use_case: UseCase, suite: str, broken: Collection[str]) -> "list[Expectation]":
    """Expectations that count and show the rows which break these rules; for the batch of :func:`batch_query`."""
    return [_expectation(rule) for rule in _rules(use_case, suite) if rule.name in broken]


def _rules(use_case: UseCase, suite: str) -> tuple[Rule, ...]:
    return row_rules(use_case) if suite == "raw" else feature_rules(use_case)


def _table(use_case: UseCase, suite: str) -> str:
    return names.raw_table(use_case) if suite == "raw" else names.staging_table(use_case)


def _nobody_breaks(rules: Sequence[Rule], rows: int) -> "list[Expectation]":
    """That the column of each rule adds up to 0; without rows there is nothing to add up."""
    gxe = great_expectations().expectations
    return [
        gxe.ExpectColumnSumToBeBetween(
            column=names.safe_name(rule.name),
            min_value=0,
            max_value=0,
            description=f"{rule.column}: {rule.says}",
            meta={"rule": rule.name, "column": rule.column},
        )
        for rule in (rules if rows else ())
    ]


def _expectation(rule: Rule) -> "Expectation":
    gxe = great_expectations().expectations
    predicate = rule.predicate.replace("{", "{{").replace("}", "}}")
    query = f"SELECT row_no, left({rule.column}::text, 80) AS value FROM {_BATCH} WHERE NOT ({predicate})"
    expectation: Expectation = gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=query,
        description=f"{rule.column}: {rule.says}",
        meta={"rule": rule.name, "column": rule.column},
    )
    return expectation


def batch_query(use_case: UseCase, suite: str, window_id: int) -> str:
    """The rows that a suite looks at."""
    return f"SELECT * FROM {_table(use_case, suite)} WHERE window_id = {window_id:d}"
