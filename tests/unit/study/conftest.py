"""A small use case whose columns have known laws, gaps and relations, with two rows for every third buyer."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
from files_support import IDLE_SNAPSHOT, idle_use_case
from study_support import HOSTILE, MOMENT, ROWS, SPEC
from threadpoolctl import threadpool_limits

from leadmill.columns import Column
from leadmill.spec import UseCase
from leadmill.study.data import Cases, StudyData, study_data


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the report runs: on busy cores the threads of BLAS wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> UseCase:
    return idle_use_case(tmp_path_factory.mktemp("use_cases"), SPEC, IDLE_SNAPSHOT)


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    """Training rows: spend (lognormal) and channel decide, budget is a line of spend, the rest is noise."""
    random = np.random.default_rng(3)
    spend = random.lognormal(1, 0.8, ROWS)
    channel = random.choice(["search", "mail", HOSTILE, "unknown"], ROWS, p=[0.5, 0.25, 0.15, 0.1])
    odds = 1.5 * (np.log(spend) - 1) + 2.0 * (channel == "mail") - 1.5 * (channel == "unknown") - 0.5
    buyer = np.repeat(np.arange(ROWS), np.where(np.arange(ROWS) % 3, 1, 2))[:ROWS]
    return pd.DataFrame(
        {
            "buyer_id": [f"buyer-{number:05d}" for number in buyer],
            "as_of": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(ROWS), unit="h"),
            "label": (random.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(int),
            "weight": 1.0 / np.bincount(buyer)[buyer],
            "spend": spend,
            "spend_missing": random.random(ROWS) < 0.05,
            "budget": 2 * spend + random.normal(0, 0.5, ROWS),
            "budget_missing": random.random(ROWS) < 0.3,
            "visits": random.negative_binomial(2, 0.3, ROWS),
            "visits_missing": False,
            "interest": random.integers(0, 3, ROWS),
            "interest_missing": random.random(ROWS) < 0.2,
            "channel": channel,
            "shop": random.choice(["north", "south", "rare"], ROWS, p=[0.6, 0.397, 0.003]),
            "wants_mail": random.random(ROWS) < 0.5,
            "wants_mail_missing": False,
        }
    )


@pytest.fixture(scope="session")
def data(shop: UseCase, frame: pd.DataFrame) -> StudyData:
    return study_data(shop, frame, MOMENT, {"visits: range": 7})


@pytest.fixture(scope="session")
def one_column() -> Callable[..., tuple[Column, Cases]]:
    """Makes cases of one column, each row an entity of its own; NaN and None are missing."""

    def make(values: object, y: object = None, **spec: object) -> tuple[Column, Cases]:
        column = Column(**{"name": "x", "title": "X", "type": "float", "impute": "median", "fill": 0.0, **spec})
        known = pd.Series(values)
        size = len(known)
        outcome = np.arange(size) % 2 if y is None else np.asarray(y)
        return column, Cases(
            (column,),
            pd.DataFrame({"x": known}),
            pd.DataFrame({"x": known}),
            pd.Series(pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(size), unit="h")),
            outcome.astype(np.int64),
            np.ones(size),
            np.arange(size, dtype=np.int64),
        )

    return make
