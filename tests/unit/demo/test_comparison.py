"""Score less truth by tenth of the scores."""

import numpy as np
import pandas as pd
import pytest

from leadmill.demo.comparison import DECILES, off_by_decile


def test_a_bias_of_one_tenth_is_found_there_and_its_interval_holds_it() -> None:
    random = np.random.default_rng(2)
    score = pd.Series(np.linspace(0, 1, 4000))
    truth = score + random.normal(0, 0.1, 4000) - 0.05 * (score > 0.9)
    found = off_by_decile(score, truth, pd.Series(np.arange(4000)))
    assert len(found) == DECILES
    for one in found[:-1]:
        assert one.low - 0.01 < 0 < one.high + 0.01
    assert found[-1].value == pytest.approx(0.05, abs=0.015)
    assert 0.02 < found[-1].low < found[-1].value < found[-1].high < 0.08


def test_rows_of_one_lead_are_drawn_together() -> None:
    random = np.random.default_rng(3)
    score, error = np.repeat(random.random(400), 5), np.repeat(random.normal(0, 0.2, 400), 5)
    leads = pd.Series(np.repeat(np.arange(400), 5))
    together = off_by_decile(pd.Series(score), pd.Series(score - error), leads)
    apart = off_by_decile(pd.Series(score), pd.Series(score - error), pd.Series(np.arange(2000)))
    widths = [np.mean([one.high - one.low for one in found]) for found in (together, apart)]
    assert widths[0] > 1.5 * widths[1]
    assert [one.value for one in together] == [one.value for one in apart]
