"""Buyers of a small shop, for tests of the scorer and its reasons."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from leadmill.registry.champion import Champion

Made = Callable[[str], Champion]
"""From a candidate's name to a champion of it."""

FEATURES = """
features:
  visits: {title: Visits in 7 days, unit: visits, type: int, min: 0, outliers: clip, impute: median, fill: 3}
  speed: {title: Speed, type: float, impute: constant, fill: 1}
  seconds: {title: Time on the website, unit: seconds, type: int, impute: constant, fill: 1}
  interest: {title: Interest, type: ordered, levels: [low, middling, high], impute: mode, fill: low}
  channel: {title: Channel, type: category, impute: unknown}
  country: {title: Country, type: category, impute: mode, fill: india}
  wants_mail: {title: Wants mail, type: bool, impute: constant, fill: false}
  constant: {title: Constant, type: int, impute: constant, fill: 1}
"""
"""As a spec declares what :func:`draw` draws."""


def draw(size: int, seed: int) -> pd.DataFrame:
    """Buyers; another seed has levels and numbers that the first has not."""
    random = np.random.default_rng(seed)
    visits = random.poisson(4, size) * random.integers(1, 1 + seed, size)
    rare = ["fax", *(f"new_{seed}" for _ in range(seed - 1))]
    return pd.DataFrame(
        {
            "buyer_id": [f"b{number:04d}" for number in range(size)],
            "visits": visits,
            "visits_missing": random.random(size) < 0.1,
            "speed": random.normal(size=size) * seed,
            "seconds": random.integers(0, 5000 * seed, size),
            "interest": random.integers(0, 3, size),
            "interest_missing": random.random(size) < 0.2,
            "channel": random.choice(
                ["search", "mail", "unknown", *rare], size, p=[0.6, 0.3, 0.099] + [0.001 / seed] * seed
            ),
            "country": random.choice(["india", "peru", 'd"or'], size),
            "country_missing": random.random(size) < 0.2,
            "wants_mail": random.random(size) < 0.5,
            "wants_mail_missing": False,
            "constant": seed,
            "speed_missing": False,
            "seconds_missing": False,
            "constant_missing": False,
        }
    )
