"""The leak scan over snapshots: columns that come with the outcome, and the real X Education file."""

from pathlib import Path

import pytest
from support import Warehouse, changed_use_case, run_etl, varied, x_education

from leadmill.clock import source_now
from leadmill.demo.loader import load_file
from leadmill.features.history import training_frame
from leadmill.spec import UseCase
from leadmill.training.leakage import findings
from leadmill.training.leakage.scan import scan

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy:UserWarning"),
]

REAL = Path(__file__).parents[3] / "shared" / "data" / "x_education" / "Leads.csv"


def found(use_case: UseCase) -> list[tuple[str, str]]:
    """Kind and feature of everything that the scan finds."""
    return [(one.kind, one.feature) for one in scan(use_case, training_frame(use_case), source_now(use_case))]


def test_a_column_that_comes_with_the_outcome(crm: Warehouse) -> None:
    use_case = x_education()
    undecided = {"converted": None, "last_activity": None}
    crm.insert(varied(number) | undecided for number in range(100))
    crm.later()
    run_etl(use_case)
    crm.insert((varied(number) for number in range(100)), crm.now())
    crm.later()
    run_etl(use_case)
    suspected = [one for one in found(use_case) if one[0] == findings.RECORDED_AFTER]
    assert suspected == [(findings.RECORDED_AFTER, "last_activity")]


@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL} is not there; it may not be redistributed")
def test_on_the_real_file_tags_are_found_and_what_is_known_in_time_passes(crm: Warehouse, tmp_path: Path) -> None:
    crm.drop()
    use_case = changed_use_case(
        tmp_path, lambda raw: raw["features"].update(tags={"type": "category", "impute": "unknown"})
    )
    load_file(use_case, REAL)
    run_etl(use_case)
    assert found(use_case) == [(findings.DECIDES, "tags")]
