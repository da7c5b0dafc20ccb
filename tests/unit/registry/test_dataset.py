"""The rows of a run, put together from its frame."""

import numpy as np
import pandas as pd
import pytest

from leadmill.errors import NotTrainable
from leadmill.registry import dataset
from leadmill.registry.dataset import training_set
from leadmill.spec import load_use_case

USE_CASE = load_use_case("x_education")


def frame(early_positives: int) -> pd.DataFrame:
    """A hundred leads, a minute apart; positive are so many of the first and every second of the newest."""
    moments = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(100), unit="min")
    label = np.where(np.arange(100) < 80, np.arange(100) < early_positives, np.arange(100) % 2)
    columns = {column.name: column.cold_start for column in USE_CASE.feature_columns}
    columns |= {column.flag: False for column in USE_CASE.feature_columns if column.has_flag}
    keys = [f"{number:036d}" for number in range(100)]
    return pd.DataFrame({"lead_id": keys, "as_of": moments, "label": label.astype(float), "weight": 1.0, **columns})


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Enough positives; what MLflow keeps of a run is made up here."""
    found = frame(5)
    monkeypatch.setattr(dataset, "stored_frame", lambda run_id: found if run_id == "enough" else frame(int(run_id)))
    monkeypatch.setattr(dataset, "drift_onset", lambda _: None)
    return found


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("positives", [0, 4, 80])
def test_each_fold_needs_an_entity_of_either_class(positives: int) -> None:
    said = (
        f"{positives % 80} entities with a {'negative' if positives == 80 else 'positive'} row teach before the holdout"
    )
    with pytest.raises(NotTrainable, match=said):
        training_set(USE_CASE, str(positives))


def test_a_feature_that_was_added_since_is_none_of_the_runs(stored: pd.DataFrame) -> None:
    assert len(training_set(USE_CASE, "enough").train) == 80
    whole = len(training_set(USE_CASE, "enough").inputs)
    stored.drop(columns=["total_visits", "total_visits_missing"], inplace=True)
    assert len(training_set(USE_CASE, "enough").inputs) == whole - 2
