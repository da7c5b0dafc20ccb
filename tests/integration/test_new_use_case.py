"""A new use case from a folder alone, made from the files in docs/adding_a_use_case.md: orders that are sent back.

It looks like neither of the two that are there: another entity with a whole number as its key, one table with other
names, another watermark, a horizon of five days, two ages.
"""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest
from added_support import blocks, forget_models, score, train, use_cases_in
from files_support import write_files
from support import Row, clean_database, query, run_etl

from leadmill import settings
from leadmill.errors import LeadmillError
from leadmill.features.history import training_frame
from leadmill.features.online import lookup
from leadmill.orchestration.doc_page import page
from leadmill.registry.champion import champion
from leadmill.registry.documents import Verdict
from leadmill.scoring.predict import predict
from leadmill.scoring.publish import ScoreSummary
from leadmill.spec import UseCase, load_use_case, use_case_names

pytestmark = [
    pytest.mark.slow,
    # Raised inside MLflow, not ours to mend.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEGIN, END = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 6, 1, 12, tzinfo=UTC)
AGES, HORIZON, LAG = (12 * HOUR, 2 * DAY), 5 * DAY, DAY
ORDERS = 500
HEAVY = ("pandas", "numpy", "feast", "sklearn", "scipy", "mlflow", "great_expectations", "pyarrow", "skops")

(SPEC,) = blocks("adding_a_use_case", "yaml")
EXTRACT, FEATURES, LABELS = blocks("adding_a_use_case", "sql")
DAGS, FEAST = blocks("adding_a_use_case", "python")
FILES = {
    "use_cases/orders/use_case.yaml": SPEC.replace("  history:", "  clock: shop.clock\n  history:"),
    "use_cases/orders/sql/extract.sql": EXTRACT,
    "use_cases/orders/sql/features.sql": FEATURES,
    "use_cases/orders/sql/labels.sql": LABELS,
    "dags/orders.py": DAGS,
    "feature_repo/orders.py": FEAST,
}


def order_events() -> list[Row]:
    """What happened to the orders: complaints and slow deliveries go before their coming back."""
    random = np.random.default_rng(7)
    told = []
    for number in range(1, ORDERS + 1):
        placed = BEGIN + DAY * random.uniform(0, 61.4)
        channel, price = random.choice(["Web", "APP", "Shop", ""]), round(float(random.gamma(2, 30)), 2)
        delivery, complaints = random.uniform(10, 90), random.poisson(0.5)
        back = 1 / (1 + np.exp(-(1.6 * complaints + delivery / 40 - 3))) > random.uniform()
        happened = [("placed", placed), ("delivered", placed + HOUR * delivery)]
        happened += [("complaint", placed + HOUR * random.uniform(1, 40)) for _ in range(complaints)]
        happened.append(("sent_back" if back else "kept", placed + DAY * random.uniform(2.5, 6)))
        told += [
            {
                "order_no": number,
                "what": what,
                "happened_at": at,
                "channel": channel if what == "placed" else None,
                "price": price if what == "placed" and number % 9 else None,
                "noted_at": at + HOUR * random.uniform(0, 3),
            }
            for what, at in happened
        ]
    return told


class Shop:
    """The shop's own database: one table of events, and a clock that hides what is not noted yet."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.events = sorted(order_events(), key=lambda event: event["noted_at"])

    def create(self) -> None:
        self.drop()
        self.connection.execute(
            "CREATE SCHEMA shop;"
            "CREATE TABLE shop.order_events (order_no text, what text, happened_at timestamptz, channel text,"
            " price numeric, noted_at timestamptz);"
            "CREATE TABLE shop.clock (now timestamptz);"
            "GRANT USAGE ON SCHEMA shop TO leadmill_source;"
            "GRANT SELECT ON ALL TABLES IN SCHEMA shop TO leadmill_source"
        )
        self.note([{**self.events[0], "order_no": "two"}])

    def note(self, events: list[Row]) -> None:
        with self.connection.cursor() as cursor, cursor.copy("COPY shop.order_events FROM STDIN") as copy:
            for event in events:
                copy.write_row(list(event.values()))

    def go_on(self, since: datetime, until: datetime) -> None:
        """Note what happened in that time, and let the clock stand a little after it."""
        self.note([event for event in self.events if since < event["noted_at"] <= until])
        self.connection.execute("DELETE FROM shop.clock")
        self.connection.execute("INSERT INTO shop.clock VALUES (%s)", [until + timedelta(minutes=1)])

    def drop(self) -> None:
        self.connection.execute("DROP SCHEMA IF EXISTS shop CASCADE")


@dataclass
class Run:
    """What a first run and a later window left."""

    folder: Path
    use_case: UseCase
    shop: Shop
    frame: pd.DataFrame
    verdict: Verdict
    first: ScoreSummary
    later: ScoreSummary


@pytest.fixture(scope="module")
def run(postgres: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    clean_database()
    forget_models()
    shop = Shop(postgres["LEADMILL_WAREHOUSE_URL"])
    shop.create()
    folder = tmp_path_factory.mktemp("orders")
    write_files(folder, FILES)
    settings.apply({"AIRFLOW_CONN_SHOP": postgres["AIRFLOW_CONN_WAREHOUSE"]})
    with use_cases_in(folder / "use_cases"):
        yield _run(folder, shop)
    del os.environ["AIRFLOW_CONN_SHOP"]
    shop.drop()
    shop.connection.close()
    clean_database()
    forget_models()


def _run(folder: Path, shop: Shop) -> Run:
    use_case = load_use_case("orders")
    with pytest.raises(LeadmillError, match=r"'orders' has no features online yet\. Run orders_etl first"):
        lookup(use_case, ["1"])
    shop.go_on(datetime.min.replace(tzinfo=UTC), END)
    run_etl(use_case, online=True)
    frame = training_frame(use_case)
    verdict = train(use_case, "train-1")
    first = score(use_case, "score-1")
    shop.go_on(END, END + DAY)
    run_etl(use_case, online=True)
    return Run(folder, use_case, shop, frame, verdict, first, score(use_case, "score-2"))


def at(events: list[Row], moment: datetime) -> Row:
    """The features of an order with these events, in plain loops; None where unknown."""
    noted = [event for event in events if event["noted_at"] <= moment]
    placed = [event["happened_at"] for event in noted if event["what"] == "placed"]
    delivered = [event["happened_at"] for event in noted if event["what"] == "delivered"]
    took = (delivered[0] - placed[0]) / HOUR if placed and delivered else None
    return {
        "channel": next((event["channel"].lower() for event in noted if event["channel"]), "unknown"),
        "price": next((event["price"] for event in noted if event["price"] is not None), None),
        "complaints": sum(event["what"] == "complaint" for event in noted),
        "hours_to_delivery": None if took is None else round(took, 3),
    }


def assert_right(found: Any, wanted: Row) -> None:
    assert (found["channel"], found["complaints"]) == (wanted["channel"], wanted["complaints"])
    for name in ("price", "hours_to_delivery"):
        assert found[f"{name}_missing"] == (wanted[name] is None)
        if wanted[name] is not None:
            assert found[name] == pytest.approx(wanted[name], abs=2e-3)


def by_order(run: Run) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for event in run.shop.events:
        found.setdefault(event["order_no"], []).append(event)
    return found


def test_the_folder_is_the_use_case(run: Run) -> None:
    assert use_case_names() == ["orders"]
    assert run.use_case.score_column == "parcel_score"


def test_its_page_follows_from_the_spec(run: Run) -> None:
    shown = page(run.use_case)
    for words in ("# Orders sent back (`orders`)", "`shop.order_events`", "`noted_at`", "12 hours, 2 days", "5 days"):
        assert words in shown


def test_airflow_finds_its_dags_and_parses_them_light(run: Run) -> None:
    code = (
        "import json, sys\n"
        "from airflow.dag_processing.dagbag import DagBag\n"
        f"bag = DagBag({str(run.folder / 'dags')!r})\n"
        "found = {dag_id: [task.task_id for task in dag.topological_sort()] for dag_id, dag in bag.dags.items()}\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "print(json.dumps([bag.import_errors, found, heavy]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    errors, found, heavy = json.loads(done.stdout.splitlines()[-1])
    assert errors == {}
    assert found == {
        "orders_etl": ["extract", "check_raw", "impute_encode", "check_features", "publish", "materialize"],
        "orders_train": ["training_set", "fit", "evaluate", "gate", "promote"],
        "orders_tune": ["tune"],
        "orders_score": ["plan", "score", "publish"],
        "orders_monitor": ["drift", "performance", "freshness", "retraining", "forget"],
    }
    assert heavy == []


def test_the_feature_repo_file_names_its_feast_objects(run: Run) -> None:
    found = runpy.run_path(str(run.folder / "feature_repo" / "orders.py"))
    assert (found["entity"].join_key, found["view"].name, found["service"].name) == (
        "order_no",
        "orders_features",
        "orders",
    )


def test_every_feature_row_is_what_was_noted_by_its_time(run: Run) -> None:
    events, rows = by_order(run), query("SELECT * FROM features.orders")
    assert len(rows) > 2 * ORDERS
    for row in rows:
        assert_right(row, at(events[row["order_no"]], row["event_timestamp"]))


def test_a_row_without_a_proper_key_is_set_aside_whole(run: Run) -> None:
    rejected = query("SELECT key, rules, row FROM rejected.orders")
    assert [(row["key"], row["rules"], row["row"]["what"]) for row in rejected] == [
        ("two", ["order_no: well-formed"], "placed")
    ]
    unbalanced = query("SELECT * FROM ops.windows WHERE read <> accepted + rejected + already_seen")
    assert unbalanced == []


def test_training_rows_are_the_orders_that_were_open_at_each_age(run: Run) -> None:
    now, wanted = END + timedelta(minutes=1), {}
    for order_no, events in by_order(run).items():
        first = min(event["noted_at"] for event in events)
        end = next(event for event in events if event["what"] in ("sent_back", "kept"))
        for age in AGES:
            as_of = first + age
            if as_of + HORIZON + LAG <= now and end["happened_at"] > as_of:
                label = end["what"] == "sent_back" and end["happened_at"] <= as_of + HORIZON
                wanted[order_no, as_of] = (int(label), at(events, as_of))
    found = {(row["order_no"], row["as_of"].to_pydatetime()): row for row in run.frame.to_dict("records")}
    assert set(found) == set(wanted)
    assert len(found) > ORDERS
    for moment, (label, features) in wanted.items():
        assert found[moment]["label"] == label
        assert_right(found[moment], features)


def test_a_model_passes_the_gate_and_open_orders_are_scored(run: Run) -> None:
    assert run.verdict.passed, run.verdict.reasons
    scores = query("SELECT * FROM scores.orders ORDER BY order_no")
    assert run.first.total < ORDERS
    assert len(scores) == run.later.total >= run.first.total > 0
    assert run.later.published > 0
    assert {row["model_version"] for row in scores} == {"1"}
    assert {row["band"] for row in scores} <= {"A", "B"}
    closed = query("SELECT order_no FROM features.orders_labels")
    closed_now = {row["order_no"] for row in closed}
    assert {row["status"] for row in scores if row["order_no"] in closed_now} == {"closed"}
    assert {row["status"] for row in scores if row["order_no"] not in closed_now} == {"fresh"}


def test_online_is_what_was_scored(run: Run) -> None:
    stored = query("SELECT f.*, s.probability, s.parcel_score FROM features.orders_latest AS f "
                   "JOIN scores.orders AS s USING (order_no) WHERE s.status = 'fresh' ORDER BY order_no")  # fmt: skip
    assert lookup(run.use_case, ["-1", "two", "9" * 30]).empty
    found = lookup(run.use_case, [str(row["order_no"]) for row in stored]).sort_values("order_no")
    assert found["order_no"].tolist() == [row["order_no"] for row in stored]
    for column in ("channel", "price", "price_missing", "complaints", "hours_to_delivery"):
        assert found[column].tolist() == [row[column] for row in stored]
    alone = predict(run.use_case, champion(run.use_case), found)
    assert alone["probability"].tolist() == pytest.approx([row["probability"] for row in stored], abs=1e-12)
    assert alone["parcel_score"].tolist() == [row["parcel_score"] for row in stored]
