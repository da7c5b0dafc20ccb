"""Rollback, choice, modes of the gate and a model from elsewhere, on real Postgres and MLflow."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import skops.io
from added_support import blocks, forget
from scoring_support import X_EDUCATION
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from support import killed_at, query, run_etl, x_education
from typer.testing import CliRunner

from leadmill import cli, cli_model
from leadmill.demo.generator import generate, write_csv
from leadmill.demo.loader import load_file
from leadmill.errors import ModelUnfit, NoPreviousChampion, PromotionRefused, UnknownVersion
from leadmill.features.history import training_frame
from leadmill.orchestration.stages import STAGES
from leadmill.registry import ledger, store
from leadmill.registry.begin import begin_training, find_run
from leadmill.registry.by_hand import choose, rollback
from leadmill.registry.catalog import reigns
from leadmill.registry.champion import champion, champion_version
from leadmill.registry.compare import compare
from leadmill.registry.documents import Verdict
from leadmill.registry.evaluate import evaluate
from leadmill.registry.external import register
from leadmill.registry.fit import fit
from leadmill.registry.gate import gate
from leadmill.registry.promote import promote, reject
from leadmill.scoring.predict import predict
from leadmill.spec import UseCase
from leadmill.storage.frames import read_frame

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]

COLUMNS = ["total_time_spent_on_website", "total_visits", "total_visits_missing"]


def judged(use_case: UseCase, run_key: str) -> tuple[str, Verdict]:
    """A training up to the gate: the run and its verdict."""
    run_id = begin_training(use_case, run_key, "a test")
    fit(use_case, run_id)
    evaluate(use_case, run_id)
    return run_id, gate(use_case, run_id, "tester")


def with_gate(use_case: UseCase, **changes: Any) -> UseCase:
    return use_case.model_copy(update={"gate": use_case.gate.model_copy(update=changes)})


@pytest.fixture(scope="module")
def use_case(postgres: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[UseCase]:
    """Version 1 was champion, version 2 is."""
    forget(*X_EDUCATION)
    whole = x_education()
    model = whole.model.model_copy(update={"candidates": ("additive_scorecard",), "variants": {}})
    small = with_gate(whole.model_copy(update={"model": model}), slices=("lead_origin", "do_not_email"))
    load_file(small, write_csv(generate(rows=1500), tmp_path_factory.mktemp("files") / "leads.csv"))
    run_etl(small)
    for run_key in ("first", "second"):
        run_id, verdict = judged(small, run_key)
        assert verdict.passed, verdict.reasons
        promote(small, run_id, "tester")
    yield small
    forget(*X_EDUCATION)


@pytest.fixture
def second_serves(use_case: UseCase) -> UseCase:
    if champion_version(use_case) != "2":
        choose(use_case, "2", "fixture")
    return use_case


def newest(use_case: UseCase) -> ledger.Decision:
    return ledger.decisions(use_case.name)[0]


def test_a_promotion_says_by_itself_what_it_was_made_on(use_case: UseCase) -> None:
    row = query("SELECT * FROM ops.promotions WHERE version = '2' AND verdict = 'promoted'")[0]
    assert (row["candidate"], row["champion_before"], row["actor"]) == ("additive_scorecard", "1", "tester")
    data = row["data"]
    assert (data["rows"], data["mlflow_run_id"], data["spec_version"]) == (1500, row["mlflow_run_id"], use_case.version)
    assert data["from"] < data["holdout_begins"] < data["through"]
    assert data["training_rows"] + data["holdout_rows"] + data["purged"] == 1500
    assert data["leak_scan"] == "clean"
    assert set(row["figures"]) >= {"calibrated", "not_worse_than_champion", "no_slice_much_worse", "fits_the_features"}
    assert "do_not_email=false" in row["figures"]["no_slice_much_worse"]["slices"]


def test_every_decision_is_answered_by_the_ledger_alone(second_serves: UseCase) -> None:
    """By the statements of docs/models.md: what, when, who or which run, why, on which data, with which figures."""
    use_case, run_id = second_serves, ledger.known_model(second_serves.name, "2").mlflow_run_id
    rollback(use_case, "vera", "too many calls")
    with pytest.raises(PromotionRefused):
        promote(use_case, run_id, "the task again")
    choose(use_case, "2", "vera", "they were right")
    told = next(block for block in blocks("models", "sql") if "Every decision" in block).replace("leads", use_case.name)
    assert set(re.findall(r"(?:FROM|JOIN) ([a-z_.]+)", told)) == {"ops.promotions"}
    decided, ruled = (query(statement) for statement in told.strip().removesuffix(";").split(";"))
    told_of = ("verdict", "version", "champion_before", "actor", "why")
    assert [[row[name] for name in told_of] for row in decided[:2]] == [
        ["chosen", "2", "1", "vera", "they were right"],
        ["refused", "2", "1", "the task again", decided[1]["why"]],
    ]
    assert {row["verdict"] for row in decided} >= {"promoted", "refused", "rolled_back", "chosen"}
    for row in decided:
        lacking = {name for name, value in row.items() if value is None}
        assert lacking <= ({"champion_before"} if row["version"] == "1" else set()), row
        asked = {one["rule"]: one for one in ruled if one["promotion_id"] == row["promotion_id"]}
        assert all(isinstance(one["holds"], bool) and one["figures"] for one in asked.values())
        assert {"enough_to_judge", "calibrated", "ranks_better_than_chance"} <= set(asked)
        assert row["verdict"] != "promoted" or row["version"] == "1" or "not_worse_than_champion" in asked
    assert {row["trained_because"] for row in decided if row["version"] in ("1", "2")} == {"a test"}


def test_rollback_puts_the_previous_champion_back_and_says_who_and_why(second_serves: UseCase) -> None:
    use_case, frozen = second_serves, ledger.known_model(second_serves.name, "1")
    decision = rollback(use_case, "vera", "too many calls")
    assert champion_version(use_case) == decision.version == "1"
    assert (newest(use_case).verdict, newest(use_case).champion_before) == ("rolled_back", "2")
    assert (newest(use_case).actor, newest(use_case).reasons[0]) == ("vera", "too many calls")
    assert "promoted" in newest(use_case).reasons[1]
    assert newest(use_case).figures["metrics"]["holdout"]["metrics"]["roc_auc"]
    assert ledger.known_model(use_case.name, "1") == frozen
    assert champion(use_case).bands == {item["band"]: item["from"] for item in frozen.bands or ()}
    assert [(one.version, one.verdict, one.until is None) for one in reigns(use_case)][:1] == [
        ("1", "rolled_back", True)
    ]


def test_a_promotion_that_was_rolled_back_is_not_done_again_by_its_task(second_serves: UseCase) -> None:
    run_id = ledger.known_model(second_serves.name, "2").mlflow_run_id
    rollback(second_serves, "vera", "too many calls")
    with pytest.raises(PromotionRefused, match=r"vera made 1 champion since.*model choose x_education 2"):
        promote(second_serves, run_id, "the task again")
    assert champion_version(second_serves) == "1"
    # Told once, however often the task comes back.
    told = [(one.verdict, one.actor) for one in ledger.decisions(second_serves.name)]
    assert told.count(("refused", "the task again")) == 1


def test_there_is_nobody_before_the_first(use_case: UseCase) -> None:
    while champion_version(use_case) != "1":
        rollback(use_case, "vera")
    with pytest.raises(NoPreviousChampion, match="Version 1 is the first champion"):
        rollback(use_case, "vera")


def test_a_rollback_killed_before_the_alias_moved_leaves_the_champion_and_can_be_asked_again(
    second_serves: UseCase,
) -> None:
    assert killed_at("model.before_alias", rollback, second_serves, "vera") == -9
    assert champion_version(second_serves) == "2"
    assert rollback(second_serves, "vera").version == "1"
    assert champion_version(second_serves) == "1"


def test_a_version_is_chosen_by_hand(second_serves: UseCase) -> None:
    assert choose(second_serves, "1", "vera", "simpler").champion_before == "2"
    assert (newest(second_serves).verdict, newest(second_serves).reasons[0]) == ("chosen", "simpler")
    with pytest.raises(UnknownVersion):
        choose(second_serves, "77", "vera")


def test_a_gate_that_never_promotes_holds_what_passes(second_serves: UseCase) -> None:
    _, verdict = judged(with_gate(second_serves, mode="never"), "held")
    assert verdict.passed
    assert champion_version(second_serves) == "2"
    assert (newest(second_serves).verdict, newest(second_serves).version) == ("held", verdict.version)
    assert newest(second_serves).figures == json.loads(json.dumps(verdict.figures))


def test_a_training_that_can_ask_nobody_holds_what_passes(second_serves: UseCase) -> None:
    assert "model choose x_education" in STAGES["train"](with_gate(second_serves, mode="ask"), "asks nobody")
    assert champion_version(second_serves) == "2"
    assert newest(second_serves).verdict == "held"


def test_what_a_person_rejects_is_a_refusal_and_stays_one(second_serves: UseCase) -> None:
    run_id, verdict = judged(with_gate(second_serves, mode="ask"), "asked")
    assert verdict.passed
    assert "| roc_auc |" in verdict.comparison()
    reject(second_serves, run_id, "vera", "rejected by vera: not before the holidays")
    assert (newest(second_serves).verdict, newest(second_serves).actor) == ("refused", "vera")
    assert newest(second_serves).reasons[0] == "rejected by vera: not before the holidays"
    with pytest.raises(PromotionRefused, match="not before the holidays"):
        promote(second_serves, run_id, "tester")
    assert champion_version(second_serves) == "2"


def test_two_versions_are_compared_on_what_neither_has_learned(use_case: UseCase) -> None:
    found = compare(use_case, "1", "2")
    assert found.rows == 300
    assert found.metrics[0] == found.metrics[1]
    assert found.better_by["pr_auc"].value == 0


def pipeline(use_case: UseCase, columns: list[str]) -> Any:
    frame = training_frame(use_case)
    x = frame[columns].astype("float64").head(1000)
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(x, frame["label"].head(1000))


def test_a_model_from_elsewhere_is_judged_and_serves_when_it_is_chosen(second_serves: UseCase, tmp_path: Path) -> None:
    use_case = with_gate(second_serves, non_inferior_by=1.0, slice_worse_by=1.0)
    skops.io.dump(pipeline(use_case, COLUMNS), tmp_path / "theirs.skops")
    verdict = register(use_case, tmp_path / "theirs.skops", "register/1", "vera", "made by the data team")
    assert verdict.candidate == ledger.EXTERNAL
    assert champion_version(use_case) == "2"
    assert (newest(use_case).verdict, newest(use_case).version) == ("held", verdict.version), verdict.reasons
    assert newest(use_case).data["reason"] == "made by the data team"
    choose(use_case, verdict.version, "vera", "try it")
    serving = champion(use_case)
    assert [item.name for item in serving.inputs] == COLUMNS
    scored = predict(use_case, serving, read_frame("SELECT * FROM features.x_education_latest"))
    assert scored["probability"].between(0, 1).all()
    # Only its maker knows what it has learned from.
    assert compare(use_case, "2", verdict.version).rows == 0
    assert rollback(use_case, "vera").version == "2"


def test_a_model_that_does_not_meet_the_contract_is_not_registered(use_case: UseCase, tmp_path: Path) -> None:
    before = query("SELECT count(*) AS n FROM ops.models")
    file = tmp_path / "model.skops"
    frame = training_frame(use_case)
    unknown = make_pipeline(LogisticRegression()).fit(
        frame[["weight"]].rename(columns={"weight": "karma"}), frame["label"]
    )
    nameless = make_pipeline(LogisticRegression()).fit(frame[COLUMNS].astype(float).to_numpy(), frame["label"])
    words = make_pipeline(LogisticRegression()).fit(frame[COLUMNS].astype(float), frame["label"].map({0: "n", 1: "y"}))
    foreign = make_pipeline(FunctionTransformer(pd.DataFrame.abs), LogisticRegression()).fit(
        frame[COLUMNS].astype(float), frame["label"]
    )
    for model, problem in (
        (unknown, "it takes karma; the use case offers"),
        (nameless, "does not say which columns"),
        (words, "classes are not 0 and 1"),
        (foreign, "types that leadmill does not load"),
        (StandardScaler(), "no scikit-learn Pipeline"),
    ):
        skops.io.dump(model, file)
        with pytest.raises(ModelUnfit, match=problem):
            register(use_case, file, "register/bad", "vera", "")
    begun = find_run(use_case, "register/bad")
    assert begun is not None
    assert store.client().get_run(begun).info.status == "FAILED"
    file.write_text("no model")
    with pytest.raises(ModelUnfit, match="cannot be read"):
        register(use_case, file, "register/bad", "vera", "")
    assert query("SELECT count(*) AS n FROM ops.models") == before


def test_the_command_line_lists_compares_and_rolls_back(
    second_serves: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_model, "connect", lambda: None)
    monkeypatch.setenv("AIRFLOW_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AIRFLOW_USER", "nobody")
    monkeypatch.setenv("AIRFLOW_PASSWORD", "none")

    def model(*arguments: str) -> str:
        done = CliRunner().invoke(cli.app, ["model", *arguments])
        assert done.exit_code == 0, (done.output, done.exception)
        return done.stdout

    assert "2 *" in model("list", "x_education")
    assert "neither has learned from" in model("compare", "x_education", "1", "2")
    said = model("rollback", "x_education", "--reason", "wrong")
    assert "was put back as champion, in place of 2" in said
    assert "the hourly run of x_education_score will rescore" in said
    listed = json.loads(model("list", "x_education", "--json"))
    assert listed["champions"][0]["verdict"] == "rolled_back"
    assert listed["champions"][0]["reasons"][0] == "wrong"
    assert "rolled_back by" in model("show", "x_education")
