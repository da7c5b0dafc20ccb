"""A use case of another kind than its neighbours, from a folder alone, run from the warehouse to scores.

A flat table with a text as key, a time without a zone as watermark, and an outcome in words.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import psycopg
import pytest
from added_support import forget_models, score, train, use_cases_in
from files_support import write_files
from support import Row, clean_database, query, run_etl

from leadmill import settings
from leadmill.features.online import lookup
from leadmill.orchestration.doc_page import page
from leadmill.registry.catalog import show_model
from leadmill.registry.champion import champion, champion_version
from leadmill.registry.documents import Verdict
from leadmill.registry.training_sets import rebuilt
from leadmill.scoring.predict import predict
from leadmill.spec import UseCase, load_use_case

pytestmark = [
    pytest.mark.slow,
    # Raised inside MLflow, not ours to mend.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]

PARIS = ZoneInfo("Europe/Paris")
BEGIN = datetime(2026, 3, 1, 9)  # noqa: DTZ001 - as the source writes it, across a change of the clocks
MEMBERS = 400
SPEC = """
name: gym
title: Members who quit
task: binary
entity: {name: member, key: card, key_type: string}
source:
  connection: club
  relations: [club.members]
  watermark: changed
  history: snapshot
  timezone: Europe/Paris
  clock: club.clock
label: {name: leaving, horizon: none}
features:
  visits: {title: Visits in a week, unit: visits, type: float, min: 0, max: 50, impute: median, fill: 1}
  plan: {type: ordered, levels: [basic, plus, pro], impute: mode, fill: basic}
  town: {type: category, impute: unknown}
  joined: {type: timestamp, timezone: Europe/Paris, drop: "only how long ago says something"}
model: {candidates: [logistic_regression], metric: pr_auc}
gate: {min_rows: 100, min_positives: 30}
score: {population: all, bands: {A: 0.2, B: 1.0}}
"""
EXTRACT = """
SELECT
    card_no AS card, visits_a_week AS visits, plan, town, joined, changed,
    CASE lower(status) WHEN 'has quit' THEN 'yes' WHEN 'renewed' THEN 'no' END AS leaving
FROM club.members
WHERE changed > :since AND changed <= :until
"""
LABELS = """
SELECT card, label, false AS closed, recorded_at AS occurred_at, recorded_at AS known_at
FROM accepted
WHERE label IS NOT NULL
"""


def members() -> list[Row]:
    """Who comes rarely and pays little quits; of some nobody knows yet."""
    random = np.random.default_rng(7)
    found = []
    for number in range(MEMBERS):
        visits, plan = round(float(random.gamma(2, 1)), 1), int(random.integers(3))
        quits = 1 / (1 + np.exp(1.5 * visits + plan - 3)) > random.uniform()
        found.append(
            {
                "card_no": f"K-{number:04d}.FR",
                "visits_a_week": None if number % 9 == 0 else visits,
                "plan": (" Basic", "PLUS", "Pro")[plan],
                "town": ("Lyon", "Paris", None)[number % 3],
                "joined": "2024-05-01 10:00",
                "status": None if number % 20 == 0 else "Has quit" if quits else "renewed",
                "changed": BEGIN + timedelta(hours=1.7 * number),
            }
        )
    return found


@dataclass
class Run:
    use_case: UseCase
    verdict: Verdict


@pytest.fixture(scope="module")
def run(postgres: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    clean_database()
    forget_models()
    folder = tmp_path_factory.mktemp("gym")
    files = {"use_case.yaml": SPEC, "sql/extract.sql": EXTRACT, "sql/labels.sql": LABELS}
    write_files(folder / "gym", files)
    with psycopg.connect(postgres["LEADMILL_WAREHOUSE_URL"], autocommit=True) as owner, use_cases_in(folder):
        owner.execute(
            "DROP SCHEMA IF EXISTS club CASCADE; CREATE SCHEMA club; CREATE TABLE club.members (card_no text, "
            "visits_a_week real, plan text, town text, joined text, status text, changed timestamp);"
            "CREATE TABLE club.clock AS SELECT timestamptz '2026-04-01' AS now;"
            "GRANT USAGE ON SCHEMA club TO leadmill_source;"
            "GRANT SELECT ON ALL TABLES IN SCHEMA club TO leadmill_source"
        )
        with owner.cursor() as cursor, cursor.copy("COPY club.members FROM STDIN") as copy:
            for member in [*members(), {**members()[0], "card_no": "not a card!"}]:
                copy.write_row(list(member.values()))
        settings.apply({"AIRFLOW_CONN_CLUB": postgres["AIRFLOW_CONN_WAREHOUSE"]})
        use_case = load_use_case("gym")
        run_etl(use_case, online=True)
        verdict = train(use_case, "train-1")
        score(use_case, "score-1")
        yield Run(use_case, verdict)
        del os.environ["AIRFLOW_CONN_CLUB"]
        owner.execute("DROP SCHEMA club CASCADE")
    clean_database()
    forget_models()


def test_every_row_is_typed_by_the_spec_at_its_own_time(run: Run) -> None:
    found = {row["card"]: row for row in query("SELECT * FROM features.gym")}
    assert len(found) == MEMBERS
    for member in members():
        row = found[member["card_no"]]
        assert row["event_timestamp"] == member["changed"].replace(tzinfo=PARIS)
        assert row["visits_missing"] is (member["visits_a_week"] is None)
        if not row["visits_missing"]:
            assert row["visits"] == pytest.approx(member["visits_a_week"], abs=1e-6)
        assert row["plan"] == ("basic", "plus", "pro").index(member["plan"].strip().lower())
        assert row["town"] == (member["town"] or "unknown").lower()
    rejected = query("SELECT key, rules FROM rejected.gym")
    assert [(row["key"], row["rules"]) for row in rejected] == [("not a card!", ["card: well-formed"])]
    labels = {row["card"]: row["label"] for row in query("SELECT card, label FROM features.gym_labels")}
    wanted = {one["card_no"]: int(one["status"] == "Has quit") for one in members() if one["status"]}
    assert labels == wanted
    assert 30 < sum(labels.values()) < MEMBERS - 30


def test_members_are_scored_by_a_model_that_passed_the_gate_and_online_is_the_same(run: Run) -> None:
    assert run.verdict.passed, run.verdict.reasons
    scores = {row["card"]: row for row in query("SELECT * FROM scores.gym")}
    assert len(scores) == MEMBERS
    cards = sorted(scores)
    found = lookup(run.use_case, [*cards, "K-9999.FR"]).sort_values("card")
    assert found["card"].tolist() == cards
    alone = predict(run.use_case, champion(run.use_case), found)
    for card, probability, points in zip(cards, alone["probability"], alone["member_score"], strict=True):
        assert scores[card]["probability"] == pytest.approx(probability, abs=1e-12)
        assert scores[card]["member_score"] == points


def test_its_page_and_its_training_set(run: Run) -> None:
    assert "# Members who quit (`gym`)" in page(run.use_case)
    version = champion_version(run.use_case)
    assert version is not None
    row, frame = rebuilt(run.use_case, show_model(run.use_case, version).model.training_set or "")
    assert row.versions == [version]
    assert (len(frame), pd.api.types.is_string_dtype(frame["card"])) == (MEMBERS - MEMBERS // 20, True)
