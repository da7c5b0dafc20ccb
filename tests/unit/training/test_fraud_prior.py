"""The real fraud sample, rebalanced 10:1 at its source: the true share comes back; honest columns are no leaks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from files_support import IDLE_SNAPSHOT, idle_use_case

from leadmill.spec import UseCase
from leadmill.training.data import rows_of
from leadmill.training.fitting import fit_candidate
from leadmill.training.inputs import model_inputs
from leadmill.training.leakage.cases import cases_of
from leadmill.training.leakage.codes import coding_columns
from leadmill.training.leakage.decides import deciding_columns
from leadmill.training.metrics import Predictions, point
from leadmill.training.predict import probabilities
from leadmill.training.split import grouped_folds

REAL = Path(__file__).parents[4] / "shared" / "data" / "fraud" / "creditcard_sample.csv"
PRIOR = 0.00172

pytestmark = pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL} is not there; it may not be redistributed")


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> tuple[UseCase, pd.DataFrame]:
    real = pd.read_csv(REAL)
    names = [name for name in real.columns if name not in ("Time", "Class")]
    spec = {
        "name": "cards",
        "title": "Cards",
        "entity": {"name": "payment", "key": "payment_id", "key_type": "string"},
        "source": {"connection": "warehouse", "relations": ["c.p"], "watermark": "recorded_at", "history": "snapshot"},
        "label": {"name": "fraud", "horizon": "none"},
        "features": {name.lower(): {"type": "float", "impute": "constant", "fill": 0} for name in names},
        "model": {"candidates": ["logistic_regression"], "prior": PRIOR},
        "score": {"population": "all", "bands": {"A": 0.01, "B": 1.0}},
    }
    use_case = idle_use_case(tmp_path_factory.mktemp("use_cases"), yaml.safe_dump(spec), IDLE_SNAPSHOT)
    features = real[names].rename(columns=str.lower).drop_duplicates()
    frame = features.assign(
        payment_id=features.index.astype(str),
        label=real["Class"].loc[features.index],
        weight=1.0,
        **{f"{name.lower()}_missing": False for name in names},
    )
    return use_case, frame


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_the_rebalancing_is_undone(cards: tuple[UseCase, pd.DataFrame], class_weights: str) -> None:
    use_case, frame = cards
    rows = rows_of(use_case, frame, model_inputs(use_case))
    assert rows.y.mean() > 0.08
    assert rows.base_rate == pytest.approx(PRIOR)
    found = np.empty(len(rows))
    for train, test in grouped_folds(rows.y, rows.groups):
        model = fit_candidate("logistic_regression", model_inputs(use_case), rows.take(train), class_weights)
        found[test] = probabilities(model, rows.x.iloc[test])
    # In one fold a handful of honest rows that look like fraud move the mean by a third; over all it must be right.
    assert np.average(found, weights=rows.weight) == pytest.approx(PRIOR, rel=0.2)
    # Of the rows that it was fitted on the mean is the true share by construction.
    whole = probabilities(fit_candidate("logistic_regression", model_inputs(use_case), rows, class_weights), rows.x)
    assert np.average(whole, weights=rows.weight) == pytest.approx(PRIOR, rel=0.15)
    figures = point(Predictions(rows.y, found, PRIOR), rows.weight)
    assert figures["roc_auc"] > 0.95
    assert figures["log_loss"] < 0.5 * -(PRIOR * np.log(PRIOR) + (1 - PRIOR) * np.log(1 - PRIOR))


def test_strong_honest_columns_are_no_leaks(cards: tuple[UseCase, pd.DataFrame]) -> None:
    use_case, frame = cards
    cases = cases_of(use_case, frame)
    assert cases.base_rate == pytest.approx(PRIOR)
    assert coding_columns(cases, use_case.inputs) == []
    assert deciding_columns(cases, use_case.inputs) == []
