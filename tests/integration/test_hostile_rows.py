"""A file that means harm: every row of it is rejected or handled by rule, none is lost, nothing breaks."""

import csv
from datetime import timedelta
from pathlib import Path

import pytest
from support import Warehouse, clean_database, key, lead, query, run_etl, x_education

from leadmill.demo.generator import generate
from leadmill.demo.loader import load_file
from leadmill.extract.extract import extract
from leadmill.quality.check import check_raw

LONG = "x" * 1_000_000
# header -> value; then the rules that it breaks (none: handled, the lead is prepared like any other).
HOSTILE = (
    ({"City": "'; drop table x; --"}, []),
    ({"Lead Source": "\"; DELETE FROM ops.windows; --"}, []),
    ({"TotalVisits": "1); drop table features.x_education; --"}, ["total_visits: number"]),
    ({"Prospect ID": "'; drop table x; --"}, ["lead_id: well-formed"]),
    ({"Prospect ID": LONG}, ["lead_id: well-formed"]),
    ({"Prospect ID": ""}, ["lead_id: well-formed"]),
    ({"City": LONG}, ["city: clean text"]),
    ({"TotalVisits": "9" * 1_000_000}, ["total_visits: clean text", "total_visits: number"]),
    ({"TotalVisits": "1." + "0" * 20_000}, ["total_visits: clean text", "total_visits: number"]),
    ({"Converted": LONG}, ["converted: yes or no"]),
    ({"Country": "In\x00dia"}, ["country: clean text"]),
    ({"Prospect ID": "\x00"}, ["lead_id: well-formed"]),
    ({"Lead Source": "A Brand New Channel"}, []),
    ({"Country": "%(since)s :until {x} \\"}, []),
    ({"Last Activity": "<script>alert(1)</script>"}, []),
    ({"Lead Number": "9999-12-31"}, ["lead_number: number"]),
    ({"Lead Number": "4200000000"}, ["lead_number: range"]),
    ({"Lead Number": "-5"}, ["lead_number: range"]),
    (
        {"TotalVisits": "NaN", "Page Views Per Visit": "Infinity"},
        ["page_views_per_visit: number", "total_visits: number"],
    ),
    ({"Total Time Spent on Website": "1e308"}, ["total_time_spent_on_website: number"]),
    ({"Specialization": "ﷺ" * 900 + "🦀"}, []),
)  # fmt: skip
OTHER = {"Lead Source": "lead_source", "Last Activity": "last_activity", "City": "city"}


@pytest.fixture
def hostile_file(tmp_path: Path) -> Path:
    """Eighty good leads, the hostile ones, and the key of a good one twice more."""
    good = generate(rows=80 + len(HOSTILE)).to_dict("records")
    bad = [row | changes for row, (changes, _) in zip(good[80:], HOSTILE, strict=True)]
    rows = (
        good[:80]
        + bad
        + [
            good[3] | {"City": "A city that no row of the generator has"},
            good[3] | {"Prospect ID": good[3]["Prospect ID"].upper()},
        ]
    )
    file = tmp_path / "hostile.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(good[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def test_a_hostile_file_goes_through_the_whole_chain(crm: Warehouse, hostile_file: Path) -> None:
    crm.drop()
    loaded = load_file(x_education(), hostile_file)
    assert loaded.read == 80 + len(HOSTILE) + 2
    wide = x_education().model_copy(
        update={"source": x_education().source.model_copy(update={"max_rejected_share": 0.5})}
    )
    assert run_etl(wide, online=True)
    # Rows without a usable time are recorded at the load, the others before it: all are in the first window.
    window = query("SELECT * FROM ops.windows")[0]
    assert (window["read"], window["status"]) == (loaded.read, "published")
    assert window["read"] == window["accepted"] + window["rejected"] + window["already_seen"]
    rejected = query("SELECT key, rules FROM rejected.x_education")
    expected = sorted(sorted(rules) for _, rules in HOSTILE if rules)
    found = sorted(sorted(row["rules"]) for row in rejected if row["rules"] != ["lead_id: once"])
    assert found == expected
    assert sum(1 for row in rejected if row["rules"] == ["lead_id: once"]) == 2
    assert len(query("SELECT FROM features.x_education")) == window["accepted"] == window["appended"]
    # Kept whole: the long ones with every character, the NUL as the sign the loader puts for it.
    longest = (
        "SELECT max(length(row ->> 'lead_id')) AS key, max(length(row ->> 'city')) AS city FROM rejected.x_education"
    )
    assert query(longest) == [{"key": 1_000_000, "city": 1_000_000}]
    assert query(
        "SELECT row ->> 'country' AS c FROM rejected.x_education WHERE 'country: clean text' = ANY(rules)"
    ) == [{"c": "In\u2400dia"}]
    assert max(len(row["key"] or "") for row in rejected) <= 200
    assert {row["lead_source"] for row in query("SELECT lead_source FROM features.x_education")} >= {"other"}
    for table in ("raw.x_education", "ops.windows", "features.x_education", "scores.x_education"):
        assert query("SELECT to_regclass(%s) AS there", [table])[0]["there"]
    assert query("SELECT to_regclass('x') AS there") == [{"there": None}]


def test_a_hostile_file_by_the_rules_as_they_are_blocks_or_passes_but_never_crashes(crm: Warehouse) -> None:
    crm.insert([lead(1, prospect_id=LONG), lead(2, city=LONG)])
    crm.insert([lead(n) for n in range(3, 40)])
    crm.later(timedelta(days=1))
    assert run_etl(x_education()) == "x_education/1"
    assert query("SELECT accepted, rejected FROM ops.windows") == [{"accepted": 37, "rejected": 2}]


def test_examples_stay_short(crm: Warehouse) -> None:
    crm.insert([lead(1, city=LONG), *(lead(n) for n in range(2, 20))])
    crm.later()
    found = extract(x_education(), "test")
    assert found.window
    told = check_raw(x_education(), found.window.address, "test").describe()
    assert key(1) in told
    assert len(told) < 400
    examples = query("SELECT max(length(examples::text)) AS n FROM ops.validations")
    assert examples[0]["n"] < 600
    clean_database()
