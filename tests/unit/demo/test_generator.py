"""The made-up file has the shape and the dirt of the real one, and is the same for the same seed."""

import re
from pathlib import Path

import pandas as pd
import pytest

from leadmill.demo import vocabulary
from leadmill.demo.generator import generate, later_leads, write_csv

REAL = Path(__file__).parents[4] / "shared" / "data" / "x_education" / "Leads.csv"


@pytest.fixture(scope="module")
def leads() -> pd.DataFrame:
    return generate()


def share(column: pd.Series, value: str = "") -> float:
    return float((column == value).mean())


def test_same_seed_same_file_and_another_seed_another(leads: pd.DataFrame) -> None:
    assert leads.equals(generate())
    assert not leads.equals(generate(seed=8))


def test_keys_are_version_4_uuids_and_numbers_are_unique_and_mostly_descending(leads: pd.DataFrame) -> None:
    pattern = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert leads["Prospect ID"].map(lambda key: bool(pattern.fullmatch(key))).all()
    assert leads["Prospect ID"].is_unique
    numbers = leads["Lead Number"].astype(int)
    assert numbers.is_unique
    assert 0 < (numbers.diff() > 0).sum() < 150


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("How did you hear about X Education", "Select", 0.546),
        ("Lead Profile", "Select", 0.449),
        ("City", "Select", 0.243),
        ("Specialization", "Select", 0.21),
        ("Lead Quality", "", 0.516),
        ("Asymmetrique Activity Index", "", 0.456),
        ("Asymmetrique Profile Score", "", 0.456),
        ("Tags", "", 0.363),
        ("Lead Profile", "", 0.293),
        ("What matters most to you in choosing a course", "", 0.293),
        ("What is your current occupation", "", 0.291),
        ("Country", "", 0.266),
        ("TotalVisits", "", 0.0148),
        ("Page Views Per Visit", "", 0.0148),
        ("Last Activity", "", 0.0111),
        ("Lead Source", "", 0.0039),
        ("Converted", "1", 0.385),
    ],
)
def test_gaps_and_selects_have_the_real_shares(leads: pd.DataFrame, column: str, value: str, expected: float) -> None:
    assert share(leads[column], value) == pytest.approx(expected, abs=min(0.04, 0.4 * expected))


def test_dirt_is_there(leads: pd.DataFrame) -> None:
    sources = leads["Lead Source"].value_counts()
    assert sources["google"] < 20 < 2000 < sources["Google"]
    assert all(sources[junk] == 1 for junk in ("testone", "NC_EDM", "welearnblog_Home"))
    visits = pd.to_numeric(leads["TotalVisits"])
    assert visits.quantile(0.99) <= 20
    assert visits.max() > 80
    pages = leads["Page Views Per Visit"]
    assert pages.str.fullmatch(r"(\d+(\.\d{1,2})?)?").all()
    assert pages.str.fullmatch(r"\d+\.\d\d").any()
    for constant in vocabulary.ALWAYS_NO:
        assert set(leads[constant]) == {"No"}
    assert set(leads["Country"]) > {"unknown", "India", ""}


def test_oldest_leads_have_their_indices_and_middle_ones_do_not(leads: pd.DataFrame) -> None:
    by_age = leads.assign(number=leads["Lead Number"].astype(int)).sort_values("number")
    gap = by_age["Asymmetrique Activity Index"] == ""
    assert gap.head(900).mean() < 0.05
    assert gap.iloc[4000:5000].mean() > 0.85


def test_index_is_the_band_of_its_score(leads: pd.DataFrame) -> None:
    scored = leads[leads["Asymmetrique Activity Score"] != ""]
    score = scored["Asymmetrique Activity Score"].astype(int)
    medium = score[scored["Asymmetrique Activity Index"] == "02.Medium"]
    assert (medium.min(), medium.max()) == (13, 15)


def test_late_columns_leak_the_outcome(leads: pd.DataFrame) -> None:
    converted = leads["Converted"].astype(int).groupby(leads["Tags"]).mean()
    assert converted["Will revert after reading the email"] > 0.9
    assert converted["Ringing"] < 0.1


@pytest.mark.parametrize("rows", [1, 10, 300])
def test_any_size_can_be_made(rows: int) -> None:
    assert generate(rows=rows).shape == (rows, 37)


def test_file_has_the_headers_of_the_real_one(leads: pd.DataFrame, tmp_path: Path) -> None:
    written = write_csv(leads.head(3), tmp_path / "leads.csv").read_bytes()
    assert written.count(b"\r\n") == 4
    if not REAL.exists():
        pytest.skip("the real file is not on this machine")
    assert written.splitlines()[0] == REAL.read_bytes().splitlines()[0]


def test_no_real_lead_is_among_the_made_up_ones(leads: pd.DataFrame) -> None:
    if not REAL.exists():
        pytest.skip("the real file is not on this machine")
    real = pd.read_csv(REAL, dtype=str, keep_default_na=False)
    assert not set(real["Prospect ID"]) & set(leads["Prospect ID"])


def test_later_leads_are_new_ones_and_changed_ones(leads: pd.DataFrame) -> None:
    later = later_leads(leads, new=20, changed=10)
    assert list(later.columns) == list(leads.columns)
    fresh, moved = later.head(20), later.tail(10)
    assert fresh["Lead Number"].astype(int).min() > leads["Lead Number"].astype(int).max()
    assert not set(fresh["Prospect ID"]) & set(leads["Prospect ID"])
    before = leads.set_index("Prospect ID").loc[moved["Prospect ID"]]
    seconds = "Total Time Spent on Website"
    assert (moved[seconds].astype(int).to_numpy() > before[seconds].astype(int)).all()
    assert (moved["Lead Number"].to_numpy() == before["Lead Number"]).all()
    assert later.equals(later_leads(leads, new=20, changed=10))


def test_a_boosted_model_does_as_well_as_on_the_real_file(leads: pd.DataFrame) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import train_test_split

    late = ["Tags", "Lead Quality", "Lead Profile"]
    indices = [name for name in leads if name.startswith("Asymmetrique")]
    y = leads["Converted"].astype(int)

    def area(dropped: list[str]) -> float:
        x = leads.drop(columns=["Prospect ID", "Lead Number", "Converted", *dropped])
        for name in x:
            number = pd.to_numeric(x[name].replace("", None), errors="coerce")
            x[name] = number if number.notna().mean() > 0.4 else x[name].astype("category")
        parts = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)
        model = HistGradientBoostingClassifier(
            max_iter=80, max_leaf_nodes=15, categorical_features="from_dtype", random_state=0
        )
        model.fit(parts[0], parts[2])
        return float(roc_auc_score(parts[3], model.predict_proba(parts[1])[:, 1]))

    activity = ["Last Activity", "Last Notable Activity"]
    assert 0.89 < area(late + indices) < 0.925
    assert 0.845 < area(late + indices + activity) < 0.89
    assert area(activity) > 0.97, "the columns filled in after contact must leak, as they do in the real file"
