"""The threshold that keeps what matters and groups what does not."""

import numpy as np
import pandas as pd
from study_support import MOMENT

from leadmill.spec import UseCase
from leadmill.study.data import study_data
from leadmill.study.rare_categories import rare_categories

ROWS = 3000
RANDOM = np.random.default_rng(8)
CHANNEL = RANDOM.integers(0, 30, ROWS)


def rows(frame: pd.DataFrame, label: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> pd.DataFrame:
    """ROWS training rows with 30 levels of 3.3 % each."""
    doubled = pd.concat([frame, frame.assign(buyer_id=frame["buyer_id"] + "-again")], ignore_index=True)
    levels = np.array([f"level_{code}" for code in range(30)])
    return doubled.assign(channel=levels[CHANNEL], label=label.astype(int), weight=1.0)


def test_levels_that_matter_keep_their_columns(shop: UseCase, frame: pd.DataFrame) -> None:
    label = RANDOM.random(ROWS) < np.where(CHANNEL % 2, 0.9, 0.1)
    found = rare_categories(shop, study_data(shop, rows(frame, label), MOMENT).train)
    assert found
    assert found.recommended <= 0.02
    encoded = {one.share: one.encoded for one in found.results}
    assert encoded[0.10] < encoded[0.02]
    [channel] = [one for one in found.columns if one.column.name == "channel"]
    assert (channel.levels, channel.grouped[0.10], channel.grouped[0.005]) == (30, 30, 0)


def test_noise_is_grouped_as_far_as_offered(shop: UseCase, frame: pd.DataFrame) -> None:
    found = rare_categories(shop, study_data(shop, rows(frame, RANDOM.random(ROWS) < 0.5), MOMENT).train)
    assert found
    assert found.recommended == 0.10


def test_without_a_category_there_is_nothing_to_group(shop: UseCase, frame: pd.DataFrame) -> None:
    numbers = shop.model_copy(update={"model": shop.model.model_copy(update={"inputs": ("spend",)})})
    data = study_data(shop, frame, MOMENT)
    assert rare_categories(numbers, data.train) is None
