"""Which rows break which rules, by spellings, against the same rules asked of one row at a time."""

from datetime import UTC, datetime
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from support import x_education

from leadmill.quality.judge import broken_rows
from leadmill.quality.rules import row_rules
from leadmill.spec import UseCase, load_use_case

TEXTS = (
    *(None, "", " ", "3", " 7.0 ", "-1", "501", "2.5", "many", "NaN", "yes", "No", "1", "perhaps", "Select"),
    *("01.High", "04.Lower", "x" * 1001, "bell\x07", "tab\tand\nline", "Côte d'Ivoire", "!!!", "\u2400"),
    *("2026-03-01 10:00:00+00", "2026-03-29 02:30:00", "2026-02-30", "2030-01-01", "9" * 16),
)


def rows_of(use_case: UseCase, count: int) -> pa.Table:
    """Rows of any texts at all, about half of them with a proper key."""
    random = Random(7)
    columns = [use_case.label.name, *(column.name for column in use_case.raw_columns)]
    key = "00000000-0000-0000-0000-00000000000{}"
    found: dict[str, Any] = {
        "row_no": pa.array(range(count), pa.int64()),
        "recorded_at": pa.array([datetime(2026, 3, 30, tzinfo=UTC)] * count, pa.timestamp("us", "UTC")),
        use_case.entity.key: pa.array(
            [random.choice([key.format(n % 10), None, "no key"]) for n in range(count)], pa.string()
        ),
    }
    return pa.table(found | {name: pa.array(random.choices(TEXTS, k=count), pa.string()) for name in columns})


@pytest.mark.parametrize("name", ["x_education", "leads"])
def test_a_batch_is_judged_as_its_rows_one_by_one(name: str) -> None:
    use_case = load_use_case(name)
    rows, rules = rows_of(use_case, 60), row_rules(use_case)
    alone = [found for n in range(len(rows)) for found in broken_rows(use_case, rows.slice(n, 1), rules)]
    together = broken_rows(use_case, rows, rules)
    assert together == alone
    assert len(together) > 50
    assert len({rule for _, broken in together for rule in broken}) > len(rules) / 3


def test_a_window_without_rows_breaks_nothing() -> None:
    for use_case in (x_education(), load_use_case("leads")):
        assert broken_rows(use_case, rows_of(use_case, 0), row_rules(use_case)) == []
