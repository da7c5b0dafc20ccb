"""Judge the raw rows of a window, batch by batch: which rows break which rules."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from leadmill import names
from leadmill.quality.rules import RowRule, row_rules
from leadmill.quality.spelled import RawBatch
from leadmill.spec import UseCase
from leadmill.storage.frames import read_batches

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 50_000


def judge(use_case: UseCase, window_id: int) -> "Iterator[tuple[pa.Table, list[tuple[int, list[str]]]]]":
    """The window's raw rows, batch by batch, and (row_no, broken rules) of those that break some."""
    rules = row_rules(use_case)
    columns = [column.name for column in use_case.raw_columns]
    wanted = ", ".join(["row_no", "recorded_at", use_case.entity.key, use_case.label.name, *columns])
    statement = f"SELECT {wanted} FROM {names.raw_table(use_case)} WHERE window_id = {window_id:d}"
    for rows in read_batches(statement, _ROWS):
        yield rows, broken_rows(use_case, rows, rules)


def broken_rows(use_case: UseCase, rows: "pa.Table", rules: tuple[RowRule, ...]) -> list[tuple[int, list[str]]]:
    """(row_no, broken rules in their order) of the rows that break some."""
    import numpy as np

    batch, numbers = RawBatch(use_case, rows), rows["row_no"].to_numpy()
    masks = {rule.name: broken for rule in rules if (broken := rule.broken(batch)) is not None}
    if not masks:
        return []
    at = np.flatnonzero(np.logical_or.reduce(list(masks.values()))).tolist()
    return [(int(numbers[index]), [name for name, broken in masks.items() if broken[index]]) for index in at]
