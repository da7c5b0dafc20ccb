"""Typed, canonical and filled rows, on Postgres; and which imputer filled which row."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from skops.io.exceptions import UntrustedTypesFoundException
from support import (
    START,
    Row,
    Warehouse,
    changed_use_case,
    clean_database,
    finish,
    key,
    lead,
    query,
    rows_of,
    run_etl,
    varied,
    x_education,
)

from leadmill import settings
from leadmill.errors import FeaturesFailed
from leadmill.extract.extract import extract
from leadmill.prepare.prepare import impute_encode
from leadmill.quality.check import check_features, check_raw
from leadmill.storage.ddl import ensure_tables, feature_columns

LEARNED = (
    "total_visits",
    "total_time_spent_on_website",
    "page_views_per_visit",
    "through_recommendations",
    "asymmetrique_activity_index",
    "asymmetrique_profile_index",
    "asymmetrique_activity_score",
    "asymmetrique_profile_score",
)


def features() -> list[Row]:
    return query("SELECT * FROM features.x_education ORDER BY event_timestamp, lead_id")


def prepared(crm: Warehouse, rows: list[Row]) -> list[Row]:
    """The published features of these rows, in their order."""
    crm.insert([row | {"recorded_at": START + timedelta(minutes=n)} for n, row in enumerate(rows)])
    crm.later(timedelta(days=1))
    run_etl(x_education())
    return features()


def test_raw_text_becomes_canonical_features(crm: Warehouse) -> None:
    (found,) = prepared(
        crm,
        [
            lead(
                10,
                prospect_id=key(10).upper(),
                lead_origin="Landing Page Submission",
                lead_source="welearnblog_Home",
                totalvisits=" 12 ",
                page_views_per_visit="1.25",
                asymmetrique_activity_index="01.High",
                country="United Arab Emirates",
                city="Select",
                search="Yes",
                last_activity="Never Seen Before",
                what_is_your_current_occupation="Working Professional",
            )
        ],
    )
    expected = {
        "lead_id": key(10), "lead_origin": "landing_page_submission", "lead_source": "blog", "total_visits": 12,
        "page_views_per_visit": 1.25, "asymmetrique_activity_index": 2, "country": "united_arab_emirates",
        "city": "unknown", "search": True, "last_activity": "other", "occupation": "working_professional",
        "total_visits_missing": False, "event_timestamp": START, "imputer_version": 0, "window_id": 1,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert found["spec_version"] == x_education().version
    assert "tags" not in found
    assert "magazine" not in found


def test_gaps_are_filled_by_the_constants_at_first_and_flagged(crm: Warehouse) -> None:
    nothing = dict.fromkeys(lead(1)) | {"prospect_id": key(1)}
    (found,) = prepared(crm, [nothing])
    expected = {
        "total_visits": 3, "total_time_spent_on_website": 250, "page_views_per_visit": 2.0,
        "asymmetrique_activity_index": 1, "asymmetrique_activity_score": 14, "asymmetrique_profile_score": 16,
        "through_recommendations": False, "do_not_email": False, "lead_source": "unknown", "country": "unknown",
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    for column in x_education().feature_columns:
        if column.has_flag:
            assert found[column.flag] is True
    assert query("SELECT FROM features.x_education_labels") == []


def test_of_rows_that_are_gone_at_the_retry_no_imputer_is_left(crm: Warehouse) -> None:
    crm.spread(range(510))
    found = extract(x_education(), "test")
    assert found.window
    check_raw(x_education(), found.window.address, "test")
    impute_encode(x_education(), found.window.address)
    assert len(query("SELECT FROM ops.imputers")) == 1
    crm.execute("TRUNCATE x_education.leads")
    crm.later(timedelta(days=1))
    assert run_etl(x_education()) is None
    assert query("SELECT status, donors FROM ops.windows") == [{"status": "published", "donors": None}]
    assert query("SELECT FROM ops.imputers") == []


def test_tables_have_the_declared_columns_types_and_comments(crm: Warehouse) -> None:
    ensure_tables(x_education())
    ensure_tables(x_education())
    described = query(
        "SELECT column_name, data_type, col_description('features.x_education'::regclass, ordinal_position::int) "
        "AS says FROM information_schema.columns WHERE table_schema = 'features' AND table_name = 'x_education'"
    )
    found = {row["column_name"]: row["data_type"] for row in described}
    assert {column.name: found[column.name] for column in feature_columns(x_education())} == {
        column.name: column.type for column in feature_columns(x_education())
    }
    assert all(row["says"] for row in described)
    undescribed = query(
        "SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE n.nspname IN ('raw', 'rejected', 'staging', 'features', 'scores', 'ops') AND c.relkind IN ('r', 'v') "
        "AND obj_description(c.oid) IS NULL"
    )
    assert undescribed == []


@pytest.fixture
def history(crm: Warehouse) -> Warehouse:
    """1,300 leads in one first load, a minute apart, but three at each fifth minute."""
    rows: list[Row] = []
    for number in range(1300):
        minute = number - number % 5 if number % 5 < 3 else number
        rows.append(varied(number) | {"recorded_at": START + timedelta(minutes=minute)})
    crm.insert(rows)
    crm.move_clock(START + timedelta(days=2))
    return crm


def broken_promises(found: list[Row]) -> list[Row]:
    """Rows that an imputer filled which was not fitted strictly before them."""
    through: dict[int, datetime] = {
        row["version"]: row["fitted_through"] for row in query("SELECT version, fitted_through FROM ops.imputers")
    }
    return [r for r in found if r["imputer_version"] and through[r["imputer_version"]] >= r["event_timestamp"]]


def test_slices_of_the_first_load(history: Warehouse) -> None:
    run_etl(x_education())
    found = features()
    versions = [row["imputer_version"] for row in found]
    assert versions == sorted(versions)
    assert versions[:500] == [0] * 500
    assert set(versions) == {0, 1, 2}
    assert broken_promises(found) == []
    assert (
        query("SELECT event_timestamp FROM features.x_education GROUP BY 1 HAVING count(DISTINCT imputer_version) > 1")
        == []
    )
    assert [row["window_id"] for row in query("SELECT window_id FROM ops.imputers")] == [1, 1]
    gaps = query(f"SELECT count(*) AS n FROM features.x_education WHERE {' OR '.join(f'{n} IS NULL' for n in LEARNED)}")
    assert gaps == [{"n": 0}]
    # What the constants filled and what was learned differ.
    for_visits = {row["total_time_spent_on_website"] for row in found if row["total_time_spent_on_website_missing"]}
    assert 250 in for_visits
    assert len(for_visits) > 5


def test_a_second_run_leaves_the_old_rows_bit_by_bit(history: Warehouse) -> None:
    run_etl(x_education())
    before = {(row["lead_id"], row["event_timestamp"]): row for row in features()}
    imputers = query("SELECT * FROM ops.imputers ORDER BY version")
    artifact = imputers[0]["artifact"]
    now = history.now()
    history.insert([varied(n) | {"recorded_at": now + timedelta(seconds=n)} for n in range(2000, 3000)])
    history.insert([varied(7) | {"totalvisits": "9", "country": None}], now)
    history.later()
    run_etl(x_education())
    after = {(row["lead_id"], row["event_timestamp"]): row for row in features()}
    assert len(after) == len(before) + 1001
    assert {place: after[place] for place in before} == before
    assert query("SELECT * FROM ops.imputers ORDER BY version")[:2] == imputers
    assert imputers[0]["artifact"] == artifact
    assert broken_promises(list(after.values())) == []
    # 2,000 rows had gathered in the midst of the second window: a third imputer, of that window.
    versions = {row["imputer_version"] for row in after.values() if row["window_id"] == 2}
    assert versions == {2, 3}


def test_another_method_and_a_feature_less_are_filled_by_a_new_imputer_at_once(
    history: Warehouse, tmp_path: Path
) -> None:
    run_etl(x_education())

    def edit(raw: dict[str, Any]) -> None:
        raw["features"]["asymmetrique_activity_score"] = {"type": "int", "drop": "judged by nobody"}
        raw["features"]["total_visits"]["impute"] = "knn"
        raw["features"]["last_activity"] |= {"impute": "mode", "fill": "sms_sent"}

    now = history.now()
    gaps = dict.fromkeys(("totalvisits", "last_activity", "asymmetrique_activity_index"))
    history.insert([varied(n) | gaps | {"recorded_at": now + timedelta(seconds=n)} for n in range(2000, 2010)])
    history.later()
    edited = changed_use_case(tmp_path, edit)
    run_etl(edited)
    found = features()
    assert {row["imputer_version"] for row in found if row["window_id"] == 2} == {3}
    # What was unknown was missing; the rest is flagged as what it was.
    for row in found:
        assert row["last_activity_missing"] is (row["window_id"] == 2 or row["last_activity"] == "unknown")
    assert {row["last_activity"] for row in found if row["window_id"] == 2} == {"email_opened"}
    # Told from neighbours, and no longer the median.
    assert len({row["total_visits"] for row in found if row["window_id"] == 2}) > 1


def test_a_row_that_comes_late_is_filled_by_an_older_imputer(history: Warehouse) -> None:
    run_etl(x_education())
    through = {r["version"]: r["fitted_through"] for r in query("SELECT version, fitted_through FROM ops.imputers")}
    history.execute("DELETE FROM x_education.leads")
    # The overlap is what lets a late row in; the newest event lies far in the past here, so widen it.
    late = [
        varied(5001) | {"recorded_at": through[1], "totalvisits": None},
        varied(5002) | {"recorded_at": through[1] + timedelta(seconds=1), "totalvisits": None},
        varied(5003) | {"recorded_at": through[2] + timedelta(seconds=1), "totalvisits": None},
    ]
    history.insert(late)
    history.later()
    wide = x_education().model_copy(
        update={"source": x_education().source.model_copy(update={"overlap": timedelta(days=9)})}
    )
    found = extract(wide, "late")
    assert found.window
    finish(wide, found.window.address)
    rows = {row["lead_id"]: row["imputer_version"] for row in features() if row["window_id"] == 2}
    assert rows == {key(5001): 0, key(5002): 1, key(5003): 2}
    assert broken_promises(features()) == []


def test_the_label_is_never_seen(history: Warehouse) -> None:
    run_etl(x_education())
    first = rows_of("features.x_education", ["content_hash"])
    labels = rows_of("features.x_education_labels")
    clean_database()
    history.execute(
        "UPDATE x_education.leads SET converted = CASE md5(line::text) < '8' WHEN true THEN '0' ELSE '1' END, "
        "tags = md5(line::text), lead_quality = converted, lead_profile = converted"
    )
    run_etl(x_education())
    assert rows_of("features.x_education_labels") != labels
    assert rows_of("features.x_education", ["content_hash"]) == first


def test_preparing_again_leaves_the_same_rows_and_imputers(history: Warehouse) -> None:
    found = extract(x_education(), "test")
    assert found.window
    address = found.window.address
    check_raw(x_education(), address, "test")
    first = impute_encode(x_education(), address)
    before = rows_of("staging.x_education"), query("SELECT version, fitted_through, rows FROM ops.imputers")
    assert impute_encode(x_education(), address) == first
    assert (rows_of("staging.x_education"), query("SELECT version, fitted_through, rows FROM ops.imputers")) == before
    assert (first.rows, first.versions[0]) == (1300, sum(1 for r in before[0] if r["imputer_version"] == 0))
    check_features(x_education(), address, "test")


def test_an_artifact_that_we_did_not_write_is_refused(history: Warehouse) -> None:
    import skops.io

    run_etl(x_education())
    hostile = skops.io.dumps({"total_visits": Path})
    with psycopg.connect(settings.current().database_url) as connection:
        connection.execute("UPDATE ops.imputers SET artifact = %s WHERE version = 2", [hostile])
    history.insert([varied(4000)], history.now())
    history.later()
    with pytest.raises(UntrustedTypesFoundException):
        run_etl(x_education())
    assert query("SELECT status FROM ops.windows ORDER BY window_id")[1]["status"] == "open"


def test_a_new_feature_is_a_new_column(crm: Warehouse, tmp_path: Path) -> None:
    def fewer(raw: dict[str, Any]) -> None:
        raw["features"]["country"]["drop"] = "not yet"
        del raw["features"]["country"]["impute"]

    crm.insert([lead(1)], START)
    crm.later()
    run_etl(changed_use_case(tmp_path, fewer))
    assert "country" not in features()[0]
    crm.insert([lead(2)], crm.now())
    crm.later()
    run_etl(x_education())
    assert [(row["lead_id"], row["country"]) for row in features()] == [(key(1), "unknown"), (key(2), "india")]
    assert len({row["spec_version"] for row in features()}) == 2
    # And a feature that goes is no trouble for the rows to come.
    crm.insert([lead(3)], crm.now())
    crm.later()
    run_etl(changed_use_case(tmp_path, fewer))
    assert features()[2]["country"] is None


def test_a_snapshots_features_may_derive_from_its_typed_columns(crm: Warehouse, tmp_path: Path) -> None:
    use_case = changed_use_case(tmp_path, lambda raw: None)
    others = ", ".join(column.name for column in use_case.feature_columns if column.name != "total_visits")
    (use_case.folder / "sql" / "features.sql").write_text(
        f"SELECT row_no, lead_id, event_timestamp, total_visits * 2.0 AS total_visits, {others} FROM typed;\n"
    )
    crm.insert([lead(1, totalvisits="3"), lead(2, totalvisits=" 70.0 "), lead(3, totalvisits=None)], START)
    crm.later()
    run_etl(use_case)
    found = {row["lead_id"]: (row["total_visits"], row["total_visits_missing"]) for row in features()}
    assert found == {key(1): (6, False), key(2): (140, False), key(3): (3, True)}
    assert {row["label"] for row in query("SELECT label FROM features.x_education_labels")} == {0}


def test_features_that_fail_are_named(crm: Warehouse, tmp_path: Path) -> None:
    use_case = changed_use_case(tmp_path, lambda raw: None)
    (use_case.folder / "sql" / "features.sql").write_text("SELECT no_such_column FROM typed\n")
    crm.insert([lead(1)], START)
    crm.later()
    with pytest.raises(FeaturesFailed, match="no_such_column"):
        run_etl(use_case)
