"""Associations with known strength."""

import numpy as np
import pytest

from leadmill.study.correlations import correlation_ratio, correlations, cramers_v, spearman
from leadmill.study.data import StudyData

RANDOM = np.random.default_rng(2)
CODES = RANDOM.integers(0, 5, 4000).astype(float)


def test_cramers_v_of_identical_and_independent_columns() -> None:
    assert cramers_v(CODES, CODES) == pytest.approx(1)
    assert cramers_v(CODES, (CODES + 2) % 5) == pytest.approx(1)
    assert cramers_v(CODES, RANDOM.integers(0, 7, 4000).astype(float)) < 0.05


def test_the_correlation_ratio_of_levels() -> None:
    assert correlation_ratio(CODES, CODES * 10) == pytest.approx(1)
    assert correlation_ratio(CODES, RANDOM.normal(size=4000)) < 0.05


def test_spearman_sees_any_rising_line() -> None:
    values = RANDOM.normal(size=500)
    assert spearman(values, np.exp(values)) == pytest.approx(1)
    assert spearman(values, -(values**3)) == pytest.approx(-1)


@pytest.mark.parametrize("measure", [cramers_v, correlation_ratio, spearman])
def test_a_constant_side_tells_nothing(measure: object) -> None:
    assert np.isnan(measure(np.zeros(50), CODES[:50]))  # type: ignore[operator]


def test_all_pairs_of_a_use_case(data: StudyData) -> None:
    found = correlations(data.every)
    names = [column.name for column in found.columns]
    at = {name: place for place, name in enumerate(names)}
    assert np.allclose(found.matrix, found.matrix.T)
    assert found.matrix[at["spend"], at["budget"]] > 0.9
    assert abs(found.matrix[at["channel"], at["shop"]]) < 0.1
    [strong] = found.strong
    assert {strong.one.name, strong.other.name} == {"spend", "budget"}
    assert strong.kind == "Spearman"
    assert strong.rows == int((data.every.known[["spend", "budget"]].notna().all(axis=1)).sum())
    assert strong.estimate.low < strong.estimate.value < strong.estimate.high
