"""Same features and same scores as were recorded before the fast path was built."""

import pandas as pd
import pytest
from golden_support import features_of_the_seed, forget, read, scores_of

pytestmark = pytest.mark.slow


def test_features_and_scores_are_the_recorded_ones(postgres: dict[str, str]) -> None:
    features = features_of_the_seed()
    recorded = read("features")
    assert len(recorded) > 2000
    pd.testing.assert_frame_equal(features, recorded, check_dtype=False, rtol=0, atol=1e-9)
    scores = read("scores")
    pd.testing.assert_frame_equal(scores_of(features), scores, check_dtype=False, rtol=0, atol=1e-9)
    assert scores["probability"].nunique() > 1000
    forget()
