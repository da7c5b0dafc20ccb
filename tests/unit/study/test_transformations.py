"""The transformation that the outcome follows is recommended."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from leadmill.study.transformations import TRANSFORMS, transformations

RANDOM = np.random.default_rng(9)
VALUES = RANDOM.lognormal(2, 1.2, 4000)
STEADY = RANDOM.normal(0, 1, 4000)


@pytest.mark.parametrize(
    ("values", "odds", "expected"),
    [
        (STEADY, 1.5 * STEADY, {"none"}),
        (VALUES, 2.0 * (np.log1p(VALUES) - 2.2), {"log1p", "Yeo-Johnson"}),
        (STEADY, 3.0 * (STEADY**2 - 1), {"quantile bins"}),
    ],
)
def test_the_right_shape_is_recommended(
    one_column: Callable[..., Any], values: Any, odds: Any, expected: set[str]
) -> None:
    y = RANDOM.random(len(values)) < 1 / (1 + np.exp(-odds))
    found = transformations(*one_column(values, y))
    assert found
    assert found.choice.recommended in expected
    assert [result.name for result in found.results] == list(TRANSFORMS)


def test_skewness_falls_with_the_logarithm(one_column: Callable[..., Any]) -> None:
    found = transformations(*one_column(VALUES, RANDOM.random(4000) < 0.5))
    assert found
    skew = {result.name: result.skewness for result in found.results}
    assert skew["none"] > 3 > 1 > abs(skew["log1p"])
    assert skew["quantile bins"] is None


def test_negative_and_huge_values_are_transformed_too(one_column: Callable[..., Any]) -> None:
    values = np.r_[-1e9 * VALUES[:300], 1e9 * VALUES[:300], np.zeros(50)]
    assert transformations(*one_column(values))


@pytest.mark.parametrize(
    "values", [np.tile([1.0, 2.0], 200), np.full(400, np.nan), np.r_[np.arange(60.0), [np.nan] * 9]]
)
def test_too_little_is_not_judged(one_column: Callable[..., Any], values: Any) -> None:
    assert transformations(*one_column(values)) is None
