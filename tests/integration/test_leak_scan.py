"""Leaks planted in simulated data are found, one of each kind, and clean data passes; on real Postgres."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
import pytest
from golden_support import forget
from support import query, run_etl

from leadmill import settings
from leadmill.clock import source_now
from leadmill.demo import crm as simulated
from leadmill.errors import LeakFound
from leadmill.features.history import training_frame
from leadmill.registry import store
from leadmill.registry.begin import begin_training, find_run
from leadmill.spec import UseCase, load_use_case, parse_use_case
from leadmill.training.leakage import findings
from leadmill.training.leakage.scan import scan

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]


@pytest.fixture(scope="module")
def frame(postgres: dict[str, str]) -> Iterator[pd.DataFrame]:
    """Training rows of 1,500 simulated leads."""
    forget()
    simulated.load(1500, 150, 7)
    use_case = load_use_case("leads")
    run_etl(use_case)
    yield training_frame(use_case)
    forget()


@pytest.fixture
def statements(frame: pd.DataFrame) -> Iterator[Callable[[str], None]]:
    """Statements on leadmill's tables; features and labels are as before at the end."""
    tables = ("features.leads", "features.leads_labels")
    with psycopg.connect(settings.current().database_url, autocommit=True) as connection:
        for table in tables:
            connection.execute(f"CREATE TEMP TABLE {table.replace('.', '_')} AS TABLE {table}".encode())
        yield lambda statement: connection.execute(statement.encode())
        for table in tables:
            connection.execute(f"TRUNCATE {table}; INSERT INTO {table} TABLE {table.replace('.', '_')}".encode())


def found(frame: pd.DataFrame, use_case: UseCase | None = None) -> list[tuple[str, str]]:
    """Kind and feature of everything that the scan finds."""
    use_case = use_case or load_use_case("leads")
    return [(one.kind, one.feature) for one in scan(use_case, frame, source_now(use_case))]


def written_again(changes: dict[str, str]) -> str:
    """SQL: columns, and the latest rows with some values changed."""
    names = query(
        "SELECT column_name AS name FROM information_schema.columns WHERE (table_schema, table_name) = "
        "('features', 'leads')"
    )
    columns = [row["name"] for row in names]
    given = ", ".join(changes.get(name, f"f.{name}") for name in columns)
    return f"({', '.join(columns)}) SELECT {given} FROM features.leads_latest AS f"


def test_clean_data_passes(frame: pd.DataFrame) -> None:
    assert frame["label"].sum() > 300
    assert found(frame) == []


def test_features_that_read_what_was_recorded_after_the_moment(frame: pd.DataFrame, tmp_path: Path) -> None:
    copy = tmp_path / "leads"
    shutil.copytree(load_use_case("leads").folder, copy)
    file = copy / "sql" / "features.sql"
    honest = "coalesce(c.calls_30d, 0) AS calls_30d"
    assert honest in file.read_text()
    peeking = "(SELECT count(*) FROM features.leads_facts AS x WHERE x.lead_id = l.lead_id) AS calls_30d"
    file.write_text(file.read_text().replace(honest, peeking))
    assert found(frame, parse_use_case(copy / "use_case.yaml")) == [(findings.RECORDED_AFTER, findings.FEATURES_SQL)]


def test_past_values_that_were_changed_once_the_label_was_known(
    frame: pd.DataFrame, statements: Callable[[str], None]
) -> None:
    again = {"created_timestamp": "f.created_timestamp + interval '1 day'", "lead_source": "'reference'"}
    won = "lead_id IN (SELECT lead_id FROM features.leads_labels WHERE label = 1)"
    statements(f"INSERT INTO features.leads {written_again(again)} WHERE {won}")
    assert found(frame) == [(findings.CHANGED_LATER, "lead_source")]


def test_values_written_again_before_the_label_is_known_are_no_leak(
    frame: pd.DataFrame, statements: Callable[[str], None]
) -> None:
    again = {"created_timestamp": "f.created_timestamp + interval '1 second'", "visits_7d": "f.visits_7d + 1"}
    statements(f"INSERT INTO features.leads {written_again(again)}")
    assert found(frame) == []


def test_a_value_that_decides(frame: pd.DataFrame) -> None:
    random = np.random.default_rng(1)
    note = np.where((frame["label"] == 1) & (random.random(len(frame)) < 0.6), "will_enrol", frame["city"])
    assert found(frame.assign(city=note)) == [(findings.DECIDES, "city")]


def test_missingness_that_decides(frame: pd.DataFrame) -> None:
    random = np.random.default_rng(1)
    missing = np.where(random.random(len(frame)) < 0.01, frame["label"] == 1, frame["label"] == 0)
    assert found(frame.assign(days_to_start_missing=missing)) == [(findings.MISSINGNESS_DECIDES, "days_to_start")]


def test_a_category_that_names_entities_and_a_number_that_counts_them(frame: pd.DataFrame) -> None:
    counter = pd.factorize(frame["lead_id"])[0] + 70_000
    planted = frame.assign(country=frame["lead_id"], age_days=counter, age_days_missing=False)
    assert found(planted) == [(findings.CODES_IDENTITY, "country"), (findings.CODES_IDENTITY, "age_days")]


def test_a_number_made_from_the_labels_and_levels_sorted_by_them(frame: pd.DataFrame) -> None:
    last = frame.drop_duplicates("lead_id", keep="last")
    group = last["lead_id"].str[:2]
    rates = dict(zip(last["lead_id"], last.groupby(group)["label"].transform("mean"), strict=True))
    encoded = frame.assign(click_rate=3 + 2 * frame["lead_id"].map(rates), click_rate_missing=False)
    assert found(encoded) == [(findings.CODES_LABEL, "click_rate")]
    won = frame["lead_id"].map(dict(zip(last["lead_id"], last["label"], strict=True)))
    batch = won.astype(str) + frame["lead_id"].str[:1] + (frame["lead_id"].str[1] > "7").astype(str)
    assert (findings.CODES_LABEL, "specialization") in found(frame.assign(specialization=batch))


def test_outcomes_and_rows_from_the_future(frame: pd.DataFrame, statements: Callable[[str], None]) -> None:
    statements(
        "UPDATE features.leads_labels SET occurred_at = known_at + interval '20 days' WHERE label = 1 AND lead_id < '4'"
    )
    assert found(frame) == [(findings.FROM_THE_FUTURE, findings.OUTCOME_TIMES)]
    statements(
        "UPDATE features.leads AS f SET event_timestamp = f.event_timestamp + interval '1 year' FROM "
        "features.leads_latest AS l WHERE (f.lead_id, f.event_timestamp) = (l.lead_id, l.event_timestamp)"
    )
    assert (findings.FROM_THE_FUTURE, findings.ROW_TIMES) in found(frame)


def test_a_leak_stops_the_training_unless_the_spec_allows_it(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_case = load_use_case("leads")
    leaky = frame.assign(country=frame["lead_id"])
    monkeypatch.setattr("leadmill.registry.begin.training_frame", lambda *_: leaky)
    with pytest.raises(LeakFound, match=r"'country' \(codes the identity\).*ops\.leaks.*model\.allowed_leaks"):
        begin_training(use_case, "leaky", "a test")
    assert find_run(use_case, "leaky") is None
    rows = query("SELECT run_id, kind, feature, allowed, figures FROM ops.leaks")
    assert [(row["run_id"], row["feature"], row["allowed"]) for row in rows] == [("leaky", "country", None)]
    assert rows[0]["figures"]["levels"] == frame["lead_id"].nunique()

    model = use_case.model.model_copy(update={"allowed_leaks": {"country": "one tenant per country"}})
    run_id = begin_training(use_case.model_copy(update={"model": model}), "leaky", "a test")
    assert store.tag(run_id, "leak_scan") == "allowed: country"
    assert [row["allowed"] for row in query("SELECT allowed FROM ops.leaks")] == ["one tenant per country"]
