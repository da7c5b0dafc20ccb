"""A small use case and training rows with a known signal."""

import numpy as np
import pandas as pd
import pytest
from files_support import IDLE_SNAPSHOT, idle_use_case

from leadmill.spec import UseCase

SPEC = """
name: shop
title: Shop
entity: {name: buyer, key: buyer_id, key_type: string}
source: {connection: warehouse, relations: [shop.buyers], watermark: recorded_at, history: snapshot}
label: {name: bought, horizon: none}
features:
  visits: {type: int, min: 0, outliers: clip, impute: median, fill: 3}
  speed: {type: float, impute: median, fill: 1}
  interest: {type: ordered, levels: [low, high], impute: mode, fill: low}
  channel: {type: category, impute: unknown}
  wants_mail: {type: bool, impute: constant, fill: false}
model:
  candidates: [logistic_regression, random_forest, hist_gradient_boosting]
  metric: pr_auc
  variants: {blind: [channel]}
gate: {min_rows: 100, min_positives: 20}
score: {population: all, bands: {A: 0.2, B: 1.0}}
"""


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> UseCase:
    return idle_use_case(tmp_path_factory.mktemp("use_cases"), SPEC, IDLE_SNAPSHOT)


@pytest.fixture(scope="session")
def buyers() -> pd.DataFrame:
    """600 rows of 600 buyers: visits and channel decide, the rest is noise."""
    random = np.random.default_rng(1)
    size = 600
    visits = random.poisson(4, size)
    channel = random.choice(["search", "mail", "partner"], size, p=[0.6, 0.3, 0.1])
    odds = 1.0 * (visits - 4) + 2.5 * (channel == "mail") - 1.0
    return pd.DataFrame(
        {
            "buyer_id": [f"b{number:04d}" for number in range(size)],
            "as_of": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(size), unit="h"),
            "label": (random.random(size) < 1 / (1 + np.exp(-odds))).astype(int),
            "weight": 1.0,
            "visits": visits,
            "visits_missing": random.random(size) < 0.1,
            "speed": random.normal(size=size),
            "speed_missing": False,
            "interest": random.integers(0, 2, size),
            "interest_missing": False,
            "channel": channel,
            "wants_mail": random.random(size) < 0.5,
            "wants_mail_missing": False,
        }
    )
