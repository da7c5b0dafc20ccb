"""Files loaded into a real demo warehouse: versions, times, and files that must not get in."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import psycopg
import pytest

from leadmill import settings
from leadmill.demo.generator import generate, later_leads, write_csv
from leadmill.demo.loader import load_file
from leadmill.errors import FileRejected, LeadmillError
from leadmill.spec import UseCase, load_use_case

EPOCH = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def warehouse(postgres: dict[str, str]) -> Iterator[psycopg.Connection]:
    """The pipeline's own reading connection to an empty demo warehouse."""
    with psycopg.connect(postgres["LEADMILL_WAREHOUSE_URL"], autocommit=True) as owner:
        owner.execute("DROP SCHEMA IF EXISTS demo CASCADE")
        owner.execute("DROP SCHEMA IF EXISTS x_education CASCADE")
        with psycopg.connect(postgres["AIRFLOW_CONN_WAREHOUSE"], autocommit=True) as reader:
            yield reader
        owner.execute("DROP SCHEMA IF EXISTS demo CASCADE")
        owner.execute("DROP SCHEMA IF EXISTS x_education CASCADE")


@pytest.fixture
def use_case() -> UseCase:
    return load_use_case("x_education")


@pytest.fixture(scope="module")
def leads() -> pd.DataFrame:
    return generate(rows=40)


def one(connection: psycopg.Connection, query: str) -> tuple[object, ...]:
    row = connection.execute(query.encode()).fetchone()
    assert row
    return row


def counts(connection: psycopg.Connection) -> tuple[int, int]:
    """Rows in the table and loads; zero where a failed first load left nothing."""
    found = []
    for table in ("x_education.leads", "demo.loads"):
        there = one(connection, f"SELECT to_regclass('{table}') IS NOT NULL")[0]
        found.append(one(connection, f"SELECT count(*) FROM {table}")[0] if there else 0)
    return found[0], found[1]


def test_first_load_is_recorded_at_its_created_times(
    warehouse: psycopg.Connection, use_case: UseCase, leads: pd.DataFrame, tmp_path: Path
) -> None:
    summary = load_file(use_case, write_csv(leads, tmp_path / "leads.csv"))
    assert (summary.read, summary.new, summary.changed, summary.unchanged) == (40, 40, 0, 0)
    wrong = "SELECT count(*) FROM x_education.leads WHERE recorded_at <> %s + lead_number::int * interval '1 minute'"
    assert warehouse.execute(wrong, [EPOCH]).fetchone() == (0,)
    newest = EPOCH + timedelta(minutes=int(leads["Lead Number"].astype(int).max()))
    assert summary.recorded_at == newest
    (now,) = one(warehouse, "SELECT now FROM demo.clock")
    assert now == newest + timedelta(hours=1) + use_case.source.safety_lag
    # An empty field is NULL, everything else is as written.
    stored = warehouse.execute("SELECT prospect_id, totalvisits, country, line FROM x_education.leads ORDER BY line")
    expected = leads[["Prospect ID", "TotalVisits", "Country"]].replace("", None).to_numpy().tolist()
    assert [list(row[:3]) for row in stored] == expected


def test_same_bytes_are_loaded_once_under_any_name(
    warehouse: psycopg.Connection, use_case: UseCase, leads: pd.DataFrame, tmp_path: Path
) -> None:
    first = load_file(use_case, write_csv(leads, tmp_path / "leads.csv"))
    (before,) = one(warehouse, "SELECT now FROM demo.clock")
    again = load_file(use_case, write_csv(leads, tmp_path / "copy.csv"))
    assert again.already_loaded
    assert (again.load_id, again.new, again.file) == (first.load_id, 40, "leads.csv")
    assert one(warehouse, "SELECT now FROM demo.clock") == (before,)
    assert counts(warehouse) == (40, 1)


def test_later_load_appends_only_what_differs_at_the_demo_clock(
    warehouse: psycopg.Connection, use_case: UseCase, leads: pd.DataFrame, tmp_path: Path
) -> None:
    load_file(use_case, write_csv(leads, tmp_path / "leads.csv"))
    (clock,) = one(warehouse, "SELECT now FROM demo.clock")
    later = later_leads(leads, new=5, changed=3)
    mixed = pd.concat([later, leads[~leads["Prospect ID"].isin(later["Prospect ID"])]])
    summary = load_file(use_case, write_csv(mixed, tmp_path / "later.csv"))
    assert (summary.read, summary.new, summary.changed, summary.unchanged) == (45, 5, 3, 37)
    assert summary.recorded_at == clock
    times = "SELECT count(*), min(recorded_at), max(recorded_at) FROM x_education.leads WHERE load_id = 2"
    assert one(warehouse, times) == (8, clock, clock)
    assert one(warehouse, "SELECT now FROM demo.clock") == (clock + timedelta(days=1),)
    # Other bytes, same content: nothing is written and the clock stands.
    shuffled = load_file(use_case, write_csv(mixed.iloc[::-1], tmp_path / "shuffled.csv"))
    assert (shuffled.new, shuffled.changed, shuffled.unchanged) == (0, 0, 45)
    assert one(warehouse, "SELECT now FROM demo.clock") == (clock + timedelta(days=1),)


def test_columns_in_another_order_say_the_same(
    warehouse: psycopg.Connection, use_case: UseCase, leads: pd.DataFrame, tmp_path: Path
) -> None:
    load_file(use_case, write_csv(leads, tmp_path / "leads.csv"))
    turned = load_file(use_case, write_csv(leads[leads.columns[::-1]], tmp_path / "turned.csv"))
    assert turned.unchanged == 40


def test_a_key_that_a_file_repeats_is_written_as_often(
    warehouse: psycopg.Connection, use_case: UseCase, leads: pd.DataFrame, tmp_path: Path
) -> None:
    other = leads.head(1).assign(City="Mumbai", Converted="1")
    doubled = pd.concat([leads, other, leads.tail(1)])
    first = load_file(use_case, write_csv(doubled, tmp_path / "doubled.csv"))
    assert (first.read, first.new) == (42, 42)
    again = load_file(use_case, write_csv(doubled.iloc[::-1], tmp_path / "again.csv"))
    assert (again.changed, again.unchanged) == (0, 42)
    cleaned = load_file(use_case, write_csv(leads, tmp_path / "cleaned.csv"))
    assert (cleaned.changed, cleaned.unchanged) == (2, 38)


def test_hostile_values_get_in_as_text_and_rows_without_a_time_get_the_loads(
    warehouse: psycopg.Connection, use_case: UseCase, leads: pd.DataFrame, tmp_path: Path
) -> None:
    nasty = leads.copy()
    attack = "'; drop table x_education.leads; --"
    nasty.loc[0, "City"] = attack
    nasty.loc[1, "Country"] = "x" * 1_000_000
    nasty.loc[2, "Specialization"] = "a\x00b"
    nasty.loc[3, "Prospect ID"] = ""
    nasty.loc[4, "Prospect ID"] = "k" * 1_000_000
    for row, number in enumerate(["", "not a number", "99999999999999", "-99999999999", attack], start=5):
        nasty.loc[row, "Lead Number"] = number
    summary = load_file(use_case, write_csv(nasty, tmp_path / "nasty.csv"))
    assert summary.read == summary.new == 40
    assert one(warehouse, "SELECT city FROM x_education.leads WHERE line = 2") == (attack,)
    assert one(warehouse, "SELECT length(country) FROM x_education.leads WHERE line = 3") == (1_000_000,)
    assert one(warehouse, "SELECT specialization FROM x_education.leads WHERE line = 4") == ("a\N{SYMBOL FOR NULL}b",)
    assert one(warehouse, "SELECT prospect_id FROM x_education.leads WHERE line = 5") == (None,)
    timeless = "SELECT count(*), min(recorded_at), max(recorded_at) FROM x_education.leads WHERE line BETWEEN 7 AND 11"
    assert one(warehouse, timeless) == (5, summary.recorded_at, summary.recorded_at)
    (now,) = one(warehouse, "SELECT now FROM demo.clock")
    assert summary.recorded_at < now - use_case.source.safety_lag


def test_headers_and_contents_with_sql_marks_are_only_text(
    warehouse: psycopg.Connection, use_case: UseCase, leads: pd.DataFrame, tmp_path: Path
) -> None:
    odd = leads.assign(**{"Growth % (:a) '\"; drop": "100 %", "Status": "s", "Key": "k", "Content": ":c"})
    assert load_file(use_case, write_csv(odd, tmp_path / "odd.csv")).new == 40
    title = """
        SELECT col_description('x_education.leads'::regclass, attnum) FROM pg_attribute WHERE attname = 'growth_a_drop'
    """
    assert one(warehouse, title) == ("Growth % (:a) '\"; drop",)
    assert load_file(use_case, write_csv(odd.iloc[::-1], tmp_path / "odd2.csv")).unchanged == 40


@pytest.mark.parametrize(
    ("rename", "message"),
    [
        ({"Prospect ID": "Prospect Id No"}, "column 'Prospect ID' is missing; the file has 'Prospect Id No' instead"),
        ({"Lead Number": "Number"}, "column 'Lead Number' is missing"),
        ({"TotalVisits": "Total Visits"}, "column 'totalvisits' is missing, which use case 'x_education' reads"),
    ],
)
def test_a_first_file_without_a_needed_column_leaves_nothing(
    warehouse: psycopg.Connection,
    use_case: UseCase,
    leads: pd.DataFrame,
    tmp_path: Path,
    rename: dict[str, str],
    message: str,
) -> None:
    with pytest.raises(FileRejected) as refused:
        load_file(use_case, write_csv(leads.rename(columns=rename), tmp_path / "leads.csv"))
    assert message in str(refused.value)
    assert counts(warehouse) == (0, 0)


def test_a_later_file_must_have_the_columns_of_the_first(
    warehouse: psycopg.Connection, use_case: UseCase, leads: pd.DataFrame, tmp_path: Path
) -> None:
    load_file(use_case, write_csv(leads, tmp_path / "leads.csv"))
    for wrong, message in (
        (leads.drop(columns="City"), "column 'City' is missing"),
        (
            leads.rename(columns={"TotalVisits": "Total Visits"}),
            "'TotalVisits' is missing; the file has 'Total Visits'",
        ),
        (leads.assign(Citty="x"), "column 'Citty' is not one of the table's; did you mean 'City'?"),
    ):
        with pytest.raises(FileRejected) as refused:
            load_file(use_case, write_csv(wrong, tmp_path / "wrong.csv"))
        assert message in str(refused.value)
    assert counts(warehouse) == (40, 1)


def test_a_fault_in_the_last_line_leaves_nothing(
    warehouse: psycopg.Connection, use_case: UseCase, leads: pd.DataFrame, tmp_path: Path
) -> None:
    path = write_csv(leads, tmp_path / "leads.csv")
    path.write_bytes(path.read_bytes() + b"one,field,short\r\n")
    with pytest.raises(FileRejected, match=r"line 42: has 3 fields, the header has 37"):
        load_file(use_case, path)
    assert counts(warehouse) == (0, 0)


def test_a_file_without_rows_is_refused(
    warehouse: psycopg.Connection, use_case: UseCase, leads: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(FileRejected, match="has a header but no rows"):
        load_file(use_case, write_csv(leads.head(0), tmp_path / "leads.csv"))
    assert counts(warehouse) == (0, 0)


def test_a_use_case_without_created_is_recorded_at_the_clock(
    warehouse: psycopg.Connection, use_case: UseCase, leads: pd.DataFrame, tmp_path: Path
) -> None:
    assert use_case.source.file
    plain = use_case.source.file.model_copy(update={"created": None})
    timeless = use_case.model_copy(update={"source": use_case.source.model_copy(update={"file": plain})})
    before = datetime.now(UTC)
    summary = load_file(timeless, write_csv(leads, tmp_path / "leads.csv"))
    assert before <= summary.recorded_at <= datetime.now(UTC)
    assert one(warehouse, "SELECT count(DISTINCT recorded_at), min(recorded_at) FROM x_education.leads") == (
        1,
        summary.recorded_at,
    )


def test_a_use_case_without_a_file_layout_says_so(use_case: UseCase, tmp_path: Path) -> None:
    fileless = use_case.model_copy(update={"source": use_case.source.model_copy(update={"file": None})})
    with pytest.raises(LeadmillError, match=r"has no 'source.file' in its spec"):
        load_file(fileless, tmp_path / "leads.csv")


def test_everything_in_the_warehouse_has_a_comment_and_the_pipeline_may_only_read(
    warehouse: psycopg.Connection, use_case: UseCase, leads: pd.DataFrame, tmp_path: Path
) -> None:
    load_file(use_case, write_csv(leads, tmp_path / "leads.csv"))
    bare = """
        SELECT attrelid::regclass || '.' || attname FROM pg_attribute
        WHERE attrelid = ANY (ARRAY['demo.clock', 'demo.loads', 'x_education.leads']::regclass[]) AND attnum > 0
            AND (col_description(attrelid, attnum) IS NULL OR obj_description(attrelid) IS NULL)
    """
    assert warehouse.execute(bare.encode()).fetchall() == []
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        warehouse.execute("DELETE FROM x_education.leads")
    assert settings.current().warehouse_url != settings.current().connection_url("warehouse")


def test_the_real_file_is_read_whole(warehouse: psycopg.Connection, use_case: UseCase) -> None:
    real = Path(__file__).parents[3] / "shared" / "data" / "x_education" / "Leads.csv"
    if not real.exists():
        pytest.skip("the real file is not on this machine")
    read: list[int] = []
    summary = load_file(use_case, real, read.append)
    assert (summary.read, summary.new) == (9240, 9240)
    assert sum(read) == real.stat().st_size
