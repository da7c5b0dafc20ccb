"""`tpv` from the simulated acquirer to its scores, and a week later; how good it is, benchmarks/tpv.py says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from added_support import copied, forget_models, score, train, use_cases_in
from event_support import unbalanced_windows
from support import Row, clean_database, query, run_etl
from tpv_support import drop_acquirer

from leadmill.demo import tpv
from leadmill.demo.tpv.comparison import compare
from leadmill.features.online import lookup
from leadmill.registry import ledger
from leadmill.registry.by_hand import choose
from leadmill.registry.champion import champion, champion_version
from leadmill.scoring.scorer import scorer
from leadmill.spec import UseCase

pytestmark = [
    pytest.mark.slow,
    # Raised inside MLflow, not ours to mend.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]
MERCHANTS, DAYS = 120, 260


def small(raw: dict[str, Any]) -> None:
    raw["gate"] = {"min_rows": 100, "min_positives": 20}
    raw["model"]["candidates"] = ["logistic_regression"]
    raw["as_of"] = ["60d", "90d", "120d", "150d", "180d", "210d"]


@dataclass
class Run:
    """What the first run published, and what a week later."""

    use_case: UseCase
    first: list[Row]
    later: list[Row]


@pytest.fixture(scope="module")
def run(postgres: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    clean_database()
    forget_models()
    folder = tmp_path_factory.mktemp("use_cases")
    with use_cases_in(folder):
        use_case = copied("tpv", folder, small)
        tpv.load(MERCHANTS, DAYS)
        run_etl(use_case)
        train(use_case, "train-1")
        if champion_version(use_case) is None:
            choose(use_case, "1", "a test")
        score(use_case, "score-1")
        first = query("SELECT * FROM scores.tpv ORDER BY merchant_id")
        tpv.simulate(7)
        run_etl(use_case, online=True)
        score(use_case, "score-2")
        yield Run(use_case, first, query("SELECT * FROM scores.tpv ORDER BY merchant_id"))
    drop_acquirer()
    clean_database()
    forget_models()


def test_every_merchant_has_a_class_and_a_value_inside_it(run: Run) -> None:
    edges = {one["class"]: one for one in ledger.known_model("tpv", "1").classes or []}
    assert tuple(edges) == ("small", "medium", "large", "very_large")
    assert len(run.first) > MERCHANTS * 0.7
    assert len({row["predicted_class"] for row in run.first}) == 4
    for row in (*run.first, *run.later):
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-9)
        mine = edges[row["predicted_class"]]
        assert mine["from"] <= row["predicted_value"] < mine["to"] or row["predicted_class"] == "very_large"
        assert row["predicted_low"] <= row["predicted_value"] <= row["predicted_high"]


def test_nothing_is_lost_and_who_has_left_is_closed(run: Run) -> None:
    assert unbalanced_windows() == []
    windows = query("SELECT status, rejected FROM ops.windows ORDER BY window_id")
    assert [row["status"] for row in windows] == ["published", "published"]
    left = {row["merchant_id"] for row in query("SELECT merchant_id FROM features.tpv_labels WHERE closed")}
    assert left
    open_now = {row["merchant_id"] for row in run.later if row["status"] != "closed"}
    assert not left & open_now
    everyone = {row["merchant_id"] for row in query("SELECT merchant_id FROM features.tpv_latest")}
    assert everyone - left == open_now
    # A week of new figures moves what is said of most.
    before = {row["merchant_id"]: row["predicted_value"] for row in run.first}
    moved = [row["predicted_value"] != before.get(row["merchant_id"]) for row in run.later if row["status"] == "fresh"]
    assert sum(moved) > 0.8 * len(moved)


def test_one_merchant_alone_gets_what_the_batch_says(run: Run) -> None:
    fresh = {row["merchant_id"]: row for row in run.later if row["status"] == "fresh"}
    asked = scorer(run.use_case, champion(run.use_case))
    online = lookup(run.use_case, list(fresh)[:20]).to_dict("records")
    assert len(online) == 20
    for features in online:
        found, stored = asked.one(features), fresh[features["merchant_id"]]
        assert found.classed
        assert found.classed.predicted_class == stored["predicted_class"]
        assert found.classed.predicted_value == pytest.approx(stored["predicted_value"], rel=1e-9)
        assert found.classed.probabilities == pytest.approx(stored["probabilities"], abs=1e-9)


def test_it_stands_beside_the_naive_answers_and_the_oracle(run: Run) -> None:
    metrics = ledger.known_model("tpv", "1").metrics
    assert set(metrics["naive"]) == {"last_again", "seasonal_naive"}
    found = compare(run.use_case)
    assert found.rows > 20
    assert found.oracle_f1.value > found.champion_f1.low
    assert found.oracle_wape.value < metrics["naive"]["last_again"]["wape"]
    assert found.sentence.startswith("macro F1 0.")
