"""The checks on real rows: which rule breaks on what, what is kept, what blocks a window and what lets it through."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support import (
    START,
    Row,
    Warehouse,
    changed_use_case,
    finish,
    key,
    killed_at,
    lead,
    query,
    rows_of,
    run_etl,
    run_stage,
    x_education,
)

from leadmill import settings
from leadmill.errors import LeadmillError, WindowBlocked
from leadmill.extract.extract import extract
from leadmill.features.publish import publish_features
from leadmill.prepare.prepare import impute_encode
from leadmill.quality.check import Checked, Release, check_features, check_raw
from leadmill.spec import UseCase

# One lead per kind of fault, and every rule that it breaks.
FAULTS: list[tuple[dict[str, Any], list[str]]] = [
    ({"totalvisits": "many"}, ["total_visits: number"]),
    ({"totalvisits": "2.5"}, ["total_visits: number"]),
    ({"totalvisits": "-1"}, ["total_visits: range"]),
    ({"totalvisits": "501"}, ["total_visits: range"]),
    ({"page_views_per_visit": "1e3"}, ["page_views_per_visit: range"]),
    ({"page_views_per_visit": "NaN"}, ["page_views_per_visit: number"]),
    ({"lead_number": "9999-12-31"}, ["lead_number: number"]),
    ({"lead_number": "9999999999"}, ["lead_number: range"]),
    ({"do_not_email": "perhaps"}, ["do_not_email: yes or no"]),
    ({"magazine": "2"}, ["magazine: yes or no"]),
    ({"converted": "maybe"}, ["converted: yes or no"]),
    ({"asymmetrique_activity_index": "04.Lower"}, ["asymmetrique_activity_index: level"]),
    ({"prospect_id": None}, ["lead_id: well-formed"]),
    ({"prospect_id": "'; drop table x; --"}, ["lead_id: well-formed"]),
    ({"prospect_id": " " + key(900)}, ["lead_id: well-formed"]),
    ({"city": "x" * 1001}, ["city: clean text"]),
    ({"country": "In\u2400dia"}, ["country: clean text"]),
    ({"tags": "bell\x07"}, ["tags: clean text"]),
    (
        {"totalvisits": "\x01", "search": "?", "converted": "2"},
        ["converted: yes or no", "search: yes or no", "total_visits: clean text", "total_visits: number"],
    ),
]
FINE: list[dict[str, Any]] = [
    {"lead_source": "never heard of"},
    {"country": "Côte d'Ivoire"},
    {"city": "Select"},
    {"totalvisits": None},
    {"totalvisits": " 7.0 "},
    {"totalvisits": "500"},
    {"city": "x" * 1000},
    {"tags": "tab\tand\nline"},
    {"asymmetrique_profile_index": None},
    {"do_not_call": "1"},
    {"converted": None},
    {"specialization": "; delete from ops.windows"},
]


def checked(use_case: UseCase, release: Release | None = None) -> tuple[str, Checked]:
    """Extract and check; the window's address and the verdict."""
    found = extract(use_case, "test")
    assert found.window
    return found.window.address, check_raw(use_case, found.window.address, "test", release)


def insert(crm: Warehouse, rows: list[Row]) -> None:
    crm.insert(rows, START)
    crm.later()


def bad(number: int) -> Row:
    return lead(number, totalvisits="many")


@pytest.fixture
def lenient(tmp_path: Path) -> UseCase:
    """x_education that lets any share of its rows be rejected."""
    return changed_use_case(tmp_path, lambda raw: raw["source"].update(max_rejected_share=1.0))


def test_each_rule_finds_its_rows_and_keeps_them_whole(crm: Warehouse, lenient: UseCase) -> None:
    faulty = [lead(n, **changes) for n, (changes, _) in enumerate(FAULTS)]
    insert(crm, faulty + [lead(100 + n, **changes) for n, changes in enumerate(FINE)])
    _, verdict = checked(lenient)
    rejected = query("SELECT * FROM rejected.x_education ORDER BY row_no")
    assert [sorted(row["rules"]) for row in rejected] == [rules for _, rules in FAULTS]
    assert (verdict.accepted, verdict.rejected) == (len(FINE), len(FAULTS))
    for row, (changes, _), given in zip(rejected, FAULTS, faulty, strict=True):
        kept = row["row"]
        renamed = {"totalvisits": "total_visits", "prospect_id": "lead_id"}
        assert {name: kept[renamed.get(name, name)] for name in changes} == changes
        assert kept["country"] == given["country"]
        assert (row["key"], row["suite"], row["recorded_at"]) == (given["prospect_id"], "raw", START)
    # Great Expectations counted the same rows, rule by rule.
    found = query("SELECT rule, failed, success, checked, column_name FROM ops.validations WHERE suite = 'raw'")
    broken = {row["rule"]: row["failed"] for row in found if not row["success"]}
    assert broken == verdict.broken
    assert sum(broken.values()) == sum(len(rules) for _, rules in FAULTS)
    assert {row["checked"] for row in found} == {len(FAULTS) + len(FINE)}
    assert verdict.describe().startswith("12 rows accepted, 19 rejected. Broken: ")


def test_a_key_repeated_at_one_time_keeps_its_first_row(crm: Warehouse, lenient: UseCase) -> None:
    twice = key(0xABCD)
    insert(
        crm,
        [lead(0xABCD), lead(0xABCD, city="Thane"), lead(0xABCD, prospect_id=twice.upper(), city="Pune"), lead(2)],
    )
    _, verdict = checked(lenient)
    assert verdict.broken == {"lead_id: once": 2}
    rejected = query("SELECT row ->> 'city' AS city FROM rejected.x_education ORDER BY row_no")
    assert [row["city"] for row in rejected] == ["Thane", "Pune"]


def test_a_repeated_key_is_named_in_the_order_of_the_suite(crm: Warehouse, lenient: UseCase) -> None:
    nobody = {"prospect_id": "Nobody's key: Ä"}
    insert(crm, [lead(1), lead(1, totalvisits="many"), lead(2, **nobody), lead(3, **nobody), lead(4, prospect_id=None)])
    _, verdict = checked(lenient)
    assert [row["rules"] for row in query("SELECT rules FROM rejected.x_education ORDER BY row_no")] == [
        ["lead_id: once", "total_visits: number"],
        ["lead_id: well-formed"],
        ["lead_id: well-formed", "lead_id: once"],
        ["lead_id: well-formed"],
    ]
    assert verdict.broken == {"lead_id: once": 2, "lead_id: well-formed": 3, "total_visits: number": 1}


def test_a_key_at_two_times_is_two_versions_of_a_lead(crm: Warehouse) -> None:
    crm.insert([lead(1)], START)
    crm.later()
    insert(crm, [lead(1, city="Thane")])
    crm.execute("UPDATE x_education.leads SET recorded_at = recorded_at + interval '1 hour' WHERE line = 2")
    assert checked(x_education())[1].rejected == 0


def test_many_broken_rows_are_all_counted_and_few_are_shown(crm: Warehouse, lenient: UseCase) -> None:
    insert(crm, [bad(n) for n in range(450)] + [lead(n) for n in range(450, 460)])
    _, verdict = checked(lenient)
    assert verdict.broken == {"total_visits: number": 450}
    row = query("SELECT failed, examples, document FROM ops.validations WHERE NOT success")[0]
    assert (row["failed"], row["examples"]) == (450, ["many"] * 5)


def test_the_page_of_the_data_docs_shows_rule_and_rows(crm: Warehouse, lenient: UseCase) -> None:
    insert(crm, [lead(1, totalvisits="<script>alert(1)</script>"), lead(2)])
    _, verdict = checked(lenient)
    docs = settings.current().data_docs
    text = (docs / verdict.document).read_text()
    # The page of what broke, with its rows; that of all rules is beside it.
    assert "total_visits: a whole number" in text
    assert "script" in text
    assert "<script>alert(1)" not in text
    assert "at least 0 visits and at most 500 visits" not in text
    whole = docs / verdict.document.replace("-broken", "")
    assert "total_visits: at least 0 visits and at most 500 visits" in whole.read_text()
    documents = query("SELECT DISTINCT document FROM ops.validations")
    assert documents == [{"document": verdict.document}]


def test_too_many_rejected_rows_block_the_window(crm: Warehouse) -> None:
    insert(crm, [lead(n) for n in range(3)])
    run_etl(x_education())
    published = rows_of("features.x_education")
    crm.insert([bad(10), bad(11), lead(12)], crm.now())
    crm.later()
    with pytest.raises(
        WindowBlocked,
        match=r"2 of 3 rows rejected, more than the limit of 20%. Broken: total_visits: number \(2 rows\)",
    ):
        checked(x_education())
    window = query("SELECT * FROM ops.windows WHERE window_id = 2")[0]
    assert (window["status"], window["accepted"], window["rejected"]) == ("blocked", 1, 2)
    with pytest.raises(WindowBlocked):
        publish_features(x_education(), "x_education/2")
    assert rows_of("features.x_education") == published
    assert len(query("SELECT FROM rejected.x_education")) == 2
    # Better rows arrive: the next run reads the window extended and it goes through.
    crm.insert([lead(100 + n) for n in range(20)], crm.now())
    crm.later()
    assert run_etl(x_education()) == "x_education/2"
    window = query("SELECT * FROM ops.windows WHERE window_id = 2")[0]
    assert (window["status"], window["read"], window["accepted"], window["attempts"]) == ("published", 23, 21, 2)


def test_every_row_rejected_blocks(crm: Warehouse) -> None:
    insert(crm, [bad(n) for n in range(4)])
    with pytest.raises(WindowBlocked, match="4 of 4 rows rejected"):
        checked(x_education())


def test_a_person_may_release_a_blocked_window(crm: Warehouse) -> None:
    insert(crm, [bad(1), lead(2)])
    with pytest.raises(WindowBlocked):
        checked(x_education())
    address, verdict = checked(x_education(), Release("vera", "known fault of the export"))
    assert (verdict.accepted, verdict.rejected) == (1, 1)
    impute_encode(x_education(), address)
    check_features(x_education(), address, "test")
    assert publish_features(x_education(), address).appended == 1
    window = query("SELECT * FROM ops.windows")[0]
    assert (window["status"], window["released_by"]) == ("published", "vera")
    assert window["release_reason"] == "known fault of the export"
    assert "1 of 2 rows rejected" in window["blocked_reason"]


def test_a_window_may_be_released_though_nothing_is_left_of_it(crm: Warehouse) -> None:
    insert(crm, [bad(1), bad(2)])
    with pytest.raises(WindowBlocked):
        checked(x_education())
    address, _ = checked(x_education(), Release("vera", "test rows"))
    assert impute_encode(x_education(), address).rows == 0
    check_features(x_education(), address, "test")
    assert publish_features(x_education(), address).touched == 0
    assert query("SELECT status FROM ops.windows") == [{"status": "published"}]


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_release_needs_a_reason(reason: str) -> None:
    with pytest.raises(LeadmillError, match="released with a reason"):
        Release("vera", reason)


def test_a_release_is_for_a_window_that_somebody_has_seen_blocked(crm: Warehouse) -> None:
    """Another run may have published the one that was meant."""
    insert(crm, [bad(1), lead(2)])
    with pytest.raises(WindowBlocked):
        checked(x_education(), Release("vera", "of the window before"))
    assert query("SELECT status, released_by FROM ops.windows") == [{"status": "blocked", "released_by": None}]


def test_a_release_holds_for_one_attempt_only(crm: Warehouse) -> None:
    insert(crm, [bad(1), lead(2)])
    with pytest.raises(WindowBlocked):
        checked(x_education())
    checked(x_education(), Release("vera", "known"))
    with pytest.raises(WindowBlocked):
        checked(x_education())
    assert query("SELECT released_by FROM ops.windows") == [{"released_by": None}]


def test_checking_again_changes_nothing(crm: Warehouse, lenient: UseCase) -> None:
    insert(crm, [bad(1), lead(2), lead(3, city="x" * 2000)])
    address, verdict = checked(lenient)
    before = rows_of("rejected.x_education"), rows_of("ops.validations"), rows_of("ops.windows")
    again = check_raw(lenient, address, "test")
    assert (again.accepted, again.rejected, again.broken) == (verdict.accepted, verdict.rejected, verdict.broken)
    assert (rows_of("rejected.x_education"), rows_of("ops.validations"), rows_of("ops.windows")) == before


def test_prepared_rows_that_are_not_fit_are_refused_whole(crm: Warehouse) -> None:
    insert(crm, [lead(n) for n in range(10)])
    address, _ = checked(x_education())
    impute_encode(x_education(), address)
    # What a fault of our own would leave: a gap and a level that is none.
    with psycopg.connect(settings.current().database_url) as connection:
        connection.execute("UPDATE staging.x_education SET total_visits = NULL WHERE row_no = 3")
        connection.execute("UPDATE staging.x_education SET lead_source = 'nonsense', search = NULL WHERE row_no = 5")
    verdict = check_features(x_education(), address, "test")
    assert (verdict.accepted, verdict.rejected) == (8, 2)
    rows = query("SELECT key, suite, rules, row ->> 'total_visits' AS visits FROM rejected.x_education ORDER BY row_no")
    assert [row["rules"] for row in rows] == [["total_visits: prepared"], ["lead_source: prepared", "search: prepared"]]
    assert [(row["suite"], row["visits"]) for row in rows] == [("features", "3")] * 2
    published = publish_features(x_education(), address)
    assert (published.touched, published.appended, published.refused) == (10, 8, 2)
    assert {row["checked"] for row in query("SELECT checked FROM ops.validations WHERE suite = 'features'")} == {10}
    labelled = {row["lead_id"] for row in query("SELECT lead_id FROM features.x_education_labels")}
    assert labelled == {row["lead_id"] for row in query("SELECT lead_id FROM features.x_education")}


def test_prepared_rows_gone_missing_block_the_window(crm: Warehouse) -> None:
    insert(crm, [lead(n) for n in range(3)])
    address, _ = checked(x_education())
    impute_encode(x_education(), address)
    with psycopg.connect(settings.current().database_url) as connection:
        connection.execute("DELETE FROM staging.x_education WHERE row_no = 1")
    with pytest.raises(WindowBlocked, match="every row prepared"):
        check_features(x_education(), address, "test")
    with pytest.raises(WindowBlocked):
        publish_features(x_education(), address)


def test_a_published_window_is_left_alone_when_its_tasks_run_again(crm: Warehouse) -> None:
    insert(crm, [bad(1), lead(2)])
    with pytest.raises(WindowBlocked):
        checked(x_education())
    address, _ = checked(x_education(), Release("vera", "known"))
    impute_encode(x_education(), address)
    check_features(x_education(), address, "test")
    publish_features(x_education(), address)
    before = [rows_of(t) for t in ("ops.windows", "ops.imputers", "features.x_education", "staging.x_education")]
    finish(x_education(), address)
    after = [rows_of(t) for t in ("ops.windows", "ops.imputers", "features.x_education", "staging.x_education")]
    assert after == before


def test_a_stage_does_not_work_on_a_window_that_another_run_reads_again(crm: Warehouse) -> None:
    insert(crm, [lead(1), bad(2), *(lead(n) for n in range(3, 12))])
    address, _ = checked(x_education())
    extract(x_education(), "another run")
    for stage in (
        lambda: impute_encode(x_education(), address),
        lambda: check_features(x_education(), address, "test"),
        lambda: publish_features(x_education(), address),
    ):
        with pytest.raises(LeadmillError, match="not checked yet"):
            stage()
    check_raw(x_education(), address, "another run")
    with pytest.raises(LeadmillError, match="not prepared yet"):
        publish_features(x_education(), address)
    finish(x_education(), address)


@pytest.mark.parametrize(
    "change",
    [
        "read = read + 1",
        "accepted = accepted - 1",
        "accepted = NULL",
        "already_seen = NULL",
        "appended = appended + 1",
        "touched = NULL",
    ],
)
def test_the_database_itself_holds_the_accounting(crm: Warehouse, change: str) -> None:
    insert(crm, [lead(1)])
    run_etl(x_education())
    with psycopg.connect(settings.current().database_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(f"UPDATE ops.windows SET {change}".encode())


def test_messages_name_where_the_rows_are(crm: Warehouse) -> None:
    insert(crm, [bad(1)])
    with pytest.raises(WindowBlocked) as caught:
        checked(x_education())
    for part in ("Window 1 of 'x_education'", "rejected.x_education", "release_window", "watermark stays"):
        assert part in str(caught.value)
    assert json.dumps(caught.value.reasons)


def test_a_window_that_nobody_judged_to_the_end_goes_no_further(crm: Warehouse) -> None:
    insert(crm, [lead(1), bad(2), bad(3)])
    found = extract(x_education(), "test")
    assert found.window
    assert killed_at("check_raw.set_aside", run_stage, "check_raw", found.window.address) == -9
    with pytest.raises(LeadmillError, match="not checked yet"):
        impute_encode(x_education(), found.window.address)
    with pytest.raises(WindowBlocked):
        check_raw(x_education(), found.window.address, "test")
