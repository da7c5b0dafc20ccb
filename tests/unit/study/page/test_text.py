"""Figures as people read them; the docstrings' examples are run too."""

import doctest
from math import nan

from leadmill.study import rare_categories
from leadmill.study.intervals import Rate
from leadmill.study.page import text
from leadmill.training.results import Estimate


def test_the_examples_in_the_docstrings() -> None:
    for module in (text, rare_categories):
        found = doctest.testmod(module)
        assert found.attempted
        assert not found.failed


def test_unknown_figures_are_a_dash() -> None:
    assert text.percent(nan) == text.number(nan) == text.of_estimate(Estimate(nan, nan, nan)) == text.NOTHING
    assert text.of_rate(Rate(0, 0.0, nan, nan, nan)) == text.NOTHING


def test_an_interval_says_percent_once() -> None:
    assert text.of_rate(Rate(10, 10.0, 0.5, 0.25, 0.75)).replace(text.SPACE, " ") == "50.0 % [25.0, 75.0]"
