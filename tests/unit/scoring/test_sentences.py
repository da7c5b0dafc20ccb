"""A feature's value in words."""

from typing import Any

import numpy as np
import pytest

from leadmill.columns import Column
from leadmill.scoring.reasons_json import alike
from leadmill.scoring.sentences import head, number, plain, sentence


def column(type: str, title: str, unit: str = "", **more: Any) -> Column:
    fill: Any = {"category": "india", "bool": False, "ordered": "low"}.get(type, 1)
    given = {"impute": "constant", "fill": fill, **more}
    if type == "ordered":
        given |= {"levels": ("low", "very_high")}
    return Column(name="x", type=type, title=title, unit=unit, **given)  # type: ignore[arg-type]


VISITS = column("int", "Visits in 7 days", "visits")
AGE = column("int", "Age", "days")
PAGES = column("float", "Pages per visit", "pages")
RATE = column("float", "Click rate")
INDEX = column("ordered", "Activity index")
COUNTRY = column("category", "Country")
SOURCE = column("category", "Source", impute="unknown", fill=None)
MAIL = column("bool", "Do not e-mail")


@pytest.mark.parametrize(
    ("of", "value", "filled", "said"),
    [
        (VISITS, 14, False, "14 visits in 7 days"),
        (VISITS, 1, False, "1 visit in 7 days"),
        (VISITS, 3, True, "Visits in 7 days unknown, taken as 3"),
        (AGE, 12, False, "Age is 12 days"),
        (AGE, 1, False, "Age is 1 day"),
        (AGE, 0, True, "Age unknown, taken as 0 days"),
        (PAGES, 2.6666, False, "2.67 pages per visit"),
        (RATE, 1234.5, False, "Click rate is 1,234"),
        (INDEX, 1, False, "Activity index is very high"),
        (INDEX, 0, True, "Activity index unknown, taken as low"),
        (COUNTRY, "united_arab_emirates", False, "Country is united arab emirates"),
        (COUNTRY, "india", True, "Country unknown, taken as india"),
        (SOURCE, "unknown", False, "Source unknown"),
        (MAIL, True, False, "Do not e-mail (yes)"),
        (MAIL, False, True, "Do not e-mail unknown, taken as no"),
    ],
)
def test_heads(of: Column, value: Any, filled: bool, said: str) -> None:
    assert head(of, value, filled) == said


@pytest.mark.parametrize(("points", "shown"), [(120.4, "+120"), (-5.2, "-5"), (-0.3, "+0"), (0.0, "+0")])
def test_points_are_signed_and_whole(points: float, shown: str) -> None:
    assert sentence("Age is 12 days", points) == f"Age is 12 days: {shown}"


def test_values_are_plain_ones() -> None:
    assert [plain(INDEX, 1), plain(MAIL, 1), plain(VISITS, 3.0), plain(RATE, 2), plain(COUNTRY, "india")] == [
        "very_high", True, 3, 2.0, "india",
    ]  # fmt: skip


def test_numbers_that_are_made_alike_are_said_alike() -> None:
    random = np.random.default_rng(3)
    spread = random.normal(size=20_000) * 10.0 ** random.integers(-12, 12, 20_000)
    written = np.concatenate([random.uniform(0, 200, 20_000).round(places) for places in (1, 2, 3)])
    edges = np.array([0.0, -0.0, 1.0, 1.0000001, 0.9999, 99.95, 99.96, 9.995, 2.675, 0.125, 100.5, 999.5, 1e-300, 1e20])
    values = np.concatenate([spread, written, -written, edges])
    made = alike(values)
    said = [(number(one), one == 1) for one in values.tolist()]
    assert [(number(one), one == 1) for one in made.tolist()] == said
    assert len(np.unique(made)) < len(np.unique(values)) / 2
