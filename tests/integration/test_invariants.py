"""Invariants 1, 2, 3, 4, 6 and 10, on real Postgres and Feast."""

import json
import logging
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from support import START, Row, Warehouse, key, lead, query, rows_of, run_etl, show_scores, varied, x_education

from leadmill import settings
from leadmill.errors import LeadmillError, SourceColumnsChanged, WindowBlocked
from leadmill.features.history import training_frame
from leadmill.features.materialize import materialize
from leadmill.features.online import lookup
from leadmill.spec import UseCase
from leadmill.storage.ddl import feature_columns

HOUR = timedelta(hours=1)
ENTITIES = range(1, 9)


@dataclass(frozen=True)
class Fact:
    """One accepted row: what the source said of an entity at ``at``, as leadmill learned at ``seen``."""

    entity: int
    at: datetime
    seen: datetime
    visits: int | None
    city: str
    label: int | None

    @property
    def features(self) -> tuple[object, ...]:
        """Visits (3 where missing, the constant of the spec), whether they were missing, and the city."""
        return (3 if self.visits is None else self.visits, self.visits is None, self.city)


class History:
    """Random windows of rows with ties, late arrivals and duplicates, and what must follow from them."""

    def __init__(self, crm: Warehouse, seed: int) -> None:
        self.crm, self.random = crm, random.Random(seed)
        self.facts: list[Fact] = []
        self.windows = 0

    def arrive(self, rows: int = 30) -> datetime:
        """One window of rows at any time so far; the clock afterwards."""
        self.windows += 1
        seen = START + self.windows * HOUR
        written, known = [], {(fact.entity, fact.at) for fact in self.facts}
        accepted: set[tuple[int, datetime]] = set()
        for _ in range(rows):
            entity = self.random.choice(ENTITIES)
            at = START + timedelta(minutes=5 * self.random.randrange(12 * self.windows - 1))
            visits, city = self.random.choice([None, 1, 2]), self.random.choice(["Mumbai", "Select"])
            # A function of entity and time: of two outcomes at one time neither is the newer.
            label = (None, 0, 1)[(entity + at.minute) % 3]
            row = self._row(entity, at, visits, city, label)
            copies = self.random.choice([1, 1, 1, 2])
            written.extend([row] * copies)
            fact = Fact(entity, at, seen, visits, "mumbai" if city == "Mumbai" else "unknown", label)
            same = [f for f in self.facts if (f.entity, f.at, f.features) == (entity, at, fact.features)]
            if (entity, at) in accepted or same:
                continue  # a second row of one key and time in a window is rejected; one seen before is none
            accepted.add((entity, at))
            self.facts.append(fact)
        assert known or self.windows == 1
        self.crm.insert(written)
        self.crm.move_clock(seen)
        return seen

    def _row(self, entity: int, at: datetime, visits: int | None, city: str, label: int | None) -> Row:
        given = None if visits is None else str(visits)
        outcome = None if label is None else str(label)
        return lead(entity, totalvisits=given, city=city, converted=outcome) | {"recorded_at": at}

    def features(self, entity: int, at: datetime, seen: datetime) -> tuple[object, ...] | None:
        """Brute force: what was known of the entity of the time ``at``, at the time ``seen``."""
        known = [fact for fact in self.facts if fact.entity == entity and fact.at <= at and fact.seen <= seen]
        return max(known, key=lambda fact: (fact.at, fact.seen)).features if known else None

    def label(self, entity: int, at: datetime) -> int | None:
        known = [f for f in self.facts if f.entity == entity and f.at <= at and f.label is not None]
        return max(known, key=lambda fact: fact.at).label if known else None

    def training(self, cutoff: datetime) -> dict[str, tuple[object, ...]]:
        found = {}
        for entity in ENTITIES:
            features, label = self.features(entity, cutoff, cutoff), self.label(entity, cutoff)
            if features is not None and label is not None:
                found[key(entity)] = (*features, label)
        return found


@pytest.fixture
def patient() -> UseCase:
    """x_education that looks far back for late rows and rejects duplicates without blocking."""
    source = x_education().source.model_copy(update={"overlap": timedelta(days=40), "max_rejected_share": 1.0})
    return x_education().model_copy(update={"source": source})


def seen_features(row: Any) -> tuple[object, ...]:
    return (row["total_visits"], row["total_visits_missing"], row["city"])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_value_uses_what_was_recorded_later(crm: Warehouse, patient: UseCase, seed: int) -> None:
    history = History(crm, seed)
    moments: list[datetime] = []
    for _ in range(4):
        moments.append(history.arrive())
        run_etl(patient)
    late = [
        f for f in history.facts if any(f.at < g.at and f.seen > g.seen for g in history.facts if g.entity == f.entity)
    ]
    assert late, "no late arrival in this history"
    rows = query("SELECT * FROM features.x_education")
    for row in rows:
        entity = int(row["lead_id"].replace("-", ""), 16)
        expected = history.features(entity, row["event_timestamp"], row["created_timestamp"])
        assert seen_features(row) == expected, row
    for cutoff in [*moments, moments[1] - timedelta(minutes=7), moments[2] + timedelta(minutes=1)]:
        frame = training_frame(patient, cutoff)
        found = {row["lead_id"]: (*seen_features(row), row["label"]) for row in frame.to_dict("records")}
        assert found == history.training(cutoff), cutoff
        assert len(found) == len(frame)
        assert (frame["as_of"] <= cutoff).all()
    # The whole history adds up, window by window.
    for window in query("SELECT * FROM ops.windows"):
        assert window["read"] == window["accepted"] + window["rejected"] + window["already_seen"]
        assert window["touched"] == window["appended"] + window["unchanged"] + window["refused"]
        held = query("SELECT count(*) AS n FROM raw.x_education WHERE window_id = %s", [window["window_id"]])[0]["n"]
        assert held == window["accepted"] + window["rejected"]


@pytest.mark.parametrize("seed", [4, 5])
def test_online_is_the_latest_offline_and_old_never_beats_new(crm: Warehouse, patient: UseCase, seed: int) -> None:
    history = History(crm, seed)
    for _ in range(4):
        now = history.arrive(rows=15)
        run_etl(patient, online=True)
        everyone = [key(entity) for entity in ENTITIES]
        online = {row["lead_id"]: row for row in lookup(patient, [*everyone, "nobody"]).to_dict("records")}
        latest = {row["lead_id"]: row for row in query("SELECT * FROM features.x_education_latest")}
        assert set(online) == set(latest)
        for lead_id, row in latest.items():
            names = [column.name for column in feature_columns(patient)] + ["event_timestamp"]
            assert {name: online[lead_id][name] for name in names} == {name: row[name] for name in names}
        expected = {key(e): history.features(e, now, now) for e in ENTITIES}
        assert {lead_id: seen_features(row) for lead_id, row in online.items()} == {
            k: v for k, v in expected.items() if v
        }


def test_a_late_batch_never_overwrites_a_newer_online_value(crm: Warehouse, patient: UseCase) -> None:
    crm.insert([lead(1, totalvisits="9"), lead(2, totalvisits="9")], START + HOUR)
    crm.move_clock(START + 2 * HOUR)
    run_etl(patient, online=True)
    crm.insert([lead(1, totalvisits="1"), lead(2, totalvisits="1"), lead(3, totalvisits="1")], START)
    # Of lead 2 there is newer news as well.
    crm.insert([lead(2, totalvisits="10")], START + 90 * timedelta(minutes=1))
    crm.move_clock(START + 3 * HOUR)
    run_etl(patient, online=True)
    found = lookup(patient, [key(1), key(2), key(3)])
    assert dict(zip(found["lead_id"], found["total_visits"], strict=True)) == {key(1): 9, key(2): 10, key(3): 1}


def test_a_confirmation_outlives_a_late_row_before_it(crm: Warehouse, patient: UseCase) -> None:
    """The second row says nothing new and is not kept; the late one between them must not become the newest."""
    crm.insert([lead(1, totalvisits="5")], START)
    crm.insert([lead(1, totalvisits="5")], START + 2 * HOUR)
    crm.move_clock(START + 3 * HOUR)
    run_etl(patient, online=True)
    crm.insert([lead(1, totalvisits="1")], START + HOUR)
    crm.move_clock(START + 4 * HOUR)
    run_etl(patient, online=True)
    assert lookup(patient, [key(1)])["total_visits"].tolist() == [5]
    rows = query("SELECT total_visits, event_timestamp FROM features.x_education ORDER BY event_timestamp")
    assert [(row["total_visits"], row["event_timestamp"]) for row in rows] == [
        (5, START),
        (1, START + HOUR),
        (5, START + 2 * HOUR),
    ]


PUBLISHED = (
    "features.x_education",
    "features.x_education_labels",
    "online.leadmill_x_education_features",
    "scores.x_education",
    "scores.x_education_history",
)


def all_rejected(crm: Warehouse) -> None:
    crm.insert([lead(n, totalvisits="many", city="Pune") for n in range(1, 30)], crm.now())


def column_gone(crm: Warehouse) -> None:
    crm.insert([lead(n, city="Pune") for n in range(1, 30)], crm.now())
    crm.execute("ALTER TABLE x_education.leads DROP COLUMN country")


@pytest.mark.parametrize(
    ("harm", "error"), [(all_rejected, WindowBlocked), (column_gone, SourceColumnsChanged)], ids=["rejected", "column"]
)
def test_a_blocked_window_changes_nothing_that_is_published(
    crm: Warehouse, harm: Any, error: type[LeadmillError]
) -> None:
    import psycopg

    use_case = x_education()
    crm.insert([lead(n) for n in range(1, 30)])
    crm.later()
    run_etl(use_case, online=True)
    show_scores("x_education")
    with psycopg.connect(settings.current().database_url) as connection:
        connection.execute(
            "INSERT INTO scores.x_education_rows (generation, lead_id, lead_score, probability, band, percentile, "
            "status, issued_status, model_version, feature_timestamp, scored_at, run_id) SELECT 1, lead_id, 500, .5, "
            "'B', 50, 'fresh', 'fresh', '1', event_timestamp, created_timestamp, 'test' FROM features.x_education"
        )
    before = {table: rows_of(table) for table in PUBLISHED}
    assert all(before.values())
    harm(crm)
    crm.later()
    for _ in range(2):  # and the next run, which retries it
        with pytest.raises(error):
            run_etl(use_case, online=True)
        assert materialize(use_case) is None
        assert {table: rows_of(table) for table in PUBLISHED} == before
    blocked = query("SELECT * FROM ops.windows WHERE window_id = 2")[0]
    assert (blocked["status"], blocked["published_at"], blocked["materialized"]) == ("blocked", None, False)
    assert "country" in blocked["blocked_reason"] or "29 of 29 rows rejected" in blocked["blocked_reason"]


def test_no_secret_reaches_logs_pages_or_the_ledger(crm: Warehouse, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    crm.insert([varied(n) for n in range(40)] + [lead(99, totalvisits="many")])
    crm.later()
    run_etl(x_education(), online=True)
    training_frame(x_education())
    lookup(x_education(), [key(1)])
    state = settings.current().state
    secrets = [value for value in json.loads((state / "secrets.json").read_text()).values() if len(str(value)) >= 8]
    assert len(secrets) >= 8
    texts = {"the log": caplog.text}
    for folder in (state / "logs", state / "airflow" / "logs", settings.current().data_docs):
        texts |= {str(file): file.read_text(errors="replace") for file in folder.rglob("*") if file.is_file()}
    for table in query("SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'ops'"):
        texts[table["name"]] = "\n".join(row["t"] for row in query(f"SELECT t::text AS t FROM {table['name']} AS t"))
    assert any(file.endswith("postgres.log") for file in texts)
    assert any(file.endswith(".html") for file in texts)
    leaks = [where for where, text in texts.items() if any(secret in text for secret in secrets)]
    assert leaks == []
