"""What the candidates must reach on the real X Education file, prepared by the real ETL."""

from pathlib import Path

import pytest
from support import Warehouse, run_etl, x_education

from leadmill.demo.loader import load_file
from leadmill.features.history import training_frame
from leadmill.training.cross_validation import cross_validate, leak_alarm
from leadmill.training.data import rows_of
from leadmill.training.inputs import model_inputs
from leadmill.training.split import temporal_holdout

REAL = Path(__file__).parents[3] / "shared" / "data" / "x_education" / "Leads.csv"


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL} is not there; it may not be redistributed")
@pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy:UserWarning")
def test_gradient_boosting_reaches_the_bars(crm: Warehouse) -> None:
    crm.drop()
    use_case = x_education()
    load_file(use_case, REAL)
    run_etl(use_case)
    frame = training_frame(use_case)
    rows = rows_of(use_case, frame, model_inputs(use_case)).take(temporal_holdout(use_case, frame).train)
    found = cross_validate(use_case, "hist_gradient_boosting", rows)
    clean = found.variants["clean"]
    assert found.metrics["roc_auc"].mean >= 0.90
    assert clean["roc_auc"].mean >= 0.87
    assert clean["brier"].mean <= 0.137
    assert leak_alarm(use_case, [found]) is None
