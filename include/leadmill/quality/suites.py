"""Both Great Expectations suites of a use case, built from its rules."""

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


def raw_suite(use_case: UseCase) -> "list[Expectation]":
    """Expectations of one raw window: the row rules, and that there are rows where time alone changes nothing."""
    gxe = great_expectations().expectations
    least = 0 if use_case.has_events else 1
    some = gxe.ExpectTableRowCountToBeBetween(min_value=least, meta={"rule": "window: has rows"})
    return [some, *(_expectation(rule) for rule in row_rules(use_case))]


def features_suite(use_case: UseCase, prepared: int) -> "list[Expectation]":
    """Expectations of the prepared window: the feature rules, and that no prepared row is missing."""
    gxe = great_expectations().expectations
    columns = [name for column in use_case.feature_columns for name in _with_flag(column)]
    counted = gxe.ExpectTableRowCountToEqual(value=prepared, meta={"rule": "window: every row prepared"})
    present = [
        gxe.ExpectColumnToExist(column=name, meta={"rule": f"{name}: exists", "column": name}) for name in columns
    ]
    return [counted, *present, *(_expectation(rule) for rule in feature_rules(use_case))]


def _with_flag(column: Column) -> tuple[str, ...]:
    return (column.name, column.flag) if column.has_flag else (column.name,)


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
    table = names.raw_table(use_case) if suite == "raw" else names.staging_table(use_case)
    return f"SELECT * FROM {table} WHERE window_id = {window_id:d}"
