"""The study of a real, small history: from the warehouse through the ETL and Feast to the page."""

import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from support import Warehouse, key, run_etl, x_education

from leadmill import settings
from leadmill.study.data import NothingToStudy
from leadmill.study.report import SECTIONS, write_study

pytestmark = pytest.mark.slow
LEADS = 400


def test_a_study_is_one_page_that_needs_nothing_else(
    crm: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.spread(range(LEADS))
    run_etl(x_education())
    steps: list[str] = []
    file = write_study(x_education(), tmp_path / "made" / "study.html", lambda what, _: steps.append(what))
    assert file == tmp_path / "made" / "study.html"
    assert steps == ["Reading the labelled rows", *SECTIONS, "Written"]
    text = file.read_text(encoding="utf-8")
    assert re.findall(r"<h2[^>]*>([^<]+)</h2>", text) == list(SECTIONS)
    assert f"{LEADS} labelled rows of {LEADS} entities (lead)" in text
    assert "Lead Number stands in for it" in text
    assert not re.search(r"<script|https?:|//\w|@import", text)
    assert not [number for number in range(LEADS) if key(number) in text]
    assert "Missing together" in text
    # The time on the website of a `varied` lead follows from its visits.
    assert re.search(r"<td>Visits</td>\s*<td>Time on the website</td>\s*<td>Spearman</td>", text)
    _lies_in_the_state_folder_and_is_replaced(tmp_path / "state", monkeypatch)


def _lies_in_the_state_folder_and_is_replaced(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = replace(settings.current(), state=state)
    monkeypatch.setattr(settings, "current", lambda: known)
    monkeypatch.setattr("leadmill.study.report.SECTIONS", {"Data": SECTIONS["Data"]})
    first = write_study(x_education())
    assert first == state / "studies" / "x_education.html"
    assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700
    text = first.read_text(encoding="utf-8")
    assert write_study(x_education()).read_text(encoding="utf-8") == text
    assert [entry.name for entry in first.parent.iterdir()] == ["x_education.html"]


@pytest.mark.usefixtures("crm")
def test_before_any_feature_there_is_nothing_to_study() -> None:
    with pytest.raises(NothingToStudy, match="x_education_etl"):
        write_study(x_education())


def test_too_few_outcomes_are_said(crm: Warehouse) -> None:
    crm.spread(range(60))
    run_etl(x_education())
    with pytest.raises(NothingToStudy, match="of the rarer outcome"):
        write_study(x_education())
