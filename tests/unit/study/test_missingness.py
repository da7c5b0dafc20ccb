"""Gaps that tell of the outcome, and gaps that come together."""

import numpy as np
import pandas as pd
import pytest
from study_support import MOMENT

from leadmill.spec import UseCase
from leadmill.study.data import StudyData, study_data
from leadmill.study.missingness import missingness


@pytest.fixture(scope="module")
def gaps(shop: UseCase, frame: pd.DataFrame) -> StudyData:
    """Spend is missing where nobody bought, budget with it, interest by chance, visits three times only."""
    random = np.random.default_rng(5)
    spend = (frame["label"] == 0) & (random.random(len(frame)) < 0.5)
    return study_data(
        shop,
        frame.assign(
            spend_missing=spend,
            budget_missing=spend,
            interest_missing=random.random(len(frame)) < 0.3,
            visits_missing=np.arange(len(frame)) < 3,
            channel="search",
        ),
        MOMENT,
    )


def test_a_gap_that_tells_is_told_from_one_by_chance(gaps: StudyData) -> None:
    found = {one.column.name: one for one in missingness(gaps.every).columns}
    assert set(found) == {"spend", "budget", "interest", "visits"}
    assert found["spend"].informative
    assert found["spend"].without.value == 0.0
    assert found["spend"].gap.value < -0.4
    assert not found["interest"].informative
    assert not found["visits"].told
    assert not found["visits"].informative


def test_what_is_missing_together_correlates(gaps: StudyData) -> None:
    found = missingness(gaps.every)
    at = {one.column.name: place for place, one in enumerate(found.columns)}
    assert found.together[at["spend"], at["budget"]] == pytest.approx(1)
    assert abs(found.together[at["spend"], at["interest"]]) < 0.1


def test_patterns_and_complete_rows_are_the_whole(gaps: StudyData) -> None:
    found = missingness(gaps.every)
    assert found.complete + sum(one.share for one in found.patterns) + found.other_share == pytest.approx(1)
    both = next(one for one in found.patterns if {column.name for column in one.columns} == {"spend", "budget"})
    assert both.rate.value == 0.0


def test_nothing_missing_is_no_fault(shop: UseCase, frame: pd.DataFrame) -> None:
    whole = {column.flag: False for column in shop.feature_columns if column.has_flag}
    found = missingness(study_data(shop, frame.assign(**whole, channel="search"), MOMENT).every)
    assert (found.columns, found.patterns, found.complete) == ((), (), 1.0)
