"""Three methods find what decides."""

import numpy as np
import pytest

from leadmill.spec import UseCase
from leadmill.study.data import StudyData
from leadmill.study.importance import Importance, importance


@pytest.fixture(scope="module")
def found(shop: UseCase, data: StudyData) -> Importance:
    return importance(shop, data)


def test_what_decides_comes_first(found: Importance) -> None:
    assert {one.column.name for one in found.worth[:3]} == {"spend", "channel", "budget"}
    first = found.worth[0]
    assert first.information > 5 * first.noise
    assert [one.mean_rank for one in found.worth] == sorted(one.mean_rank for one in found.worth)


def test_shuffling_a_decisive_feature_costs(found: Importance) -> None:
    worth = {one.column.name: one for one in found.worth}
    assert worth["channel"].permutation.low > 0
    assert worth["wants_mail"].worthless
    assert not worth["channel"].worthless


def test_agreement_is_a_correlation(found: Importance) -> None:
    assert np.allclose(np.diag(found.agreement), 1)
    assert np.allclose(found.agreement, found.agreement.T)
    assert found.agreement.min() > 0


def test_the_judge_is_the_last_candidate_on_the_holdout(found: Importance, data: StudyData) -> None:
    assert found.candidate == "logistic_regression"
    assert found.judged == len(data.holdout)
    assert found.figures["pr_auc"].low < found.figures["pr_auc"].value < found.figures["pr_auc"].high
