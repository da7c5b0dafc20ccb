"""From published features to a champion and from there to published scores, on real Postgres, Feast and MLflow."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from scoring_support import Trained, forget_scores, only, score, training
from support import query, x_education

from leadmill import settings
from leadmill.errors import (
    ModelContractBroken,
    NoChampion,
    NotEnoughData,
    PromotionRefused,
)
from leadmill.registry import store
from leadmill.registry.begin import begin_training, find_run
from leadmill.registry.catalog import list_models, run_page, show_model
from leadmill.registry.champion import champion, champion_version
from leadmill.registry.dataset import FILE, FOLDER
from leadmill.registry.documents import VERDICT
from leadmill.registry.evaluate import evaluate
from leadmill.registry.fit import fit
from leadmill.registry.gate import gate
from leadmill.registry.promote import promote
from leadmill.registry.training_sets import rebuilt

pytestmark = [
    pytest.mark.slow,
    # Raised inside Feast and MLflow, not ours to mend.
    pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]


@pytest.fixture(scope="module")
def trained(postgres: dict[str, str]) -> Iterator[Trained]:
    with training() as found:
        yield found


@pytest.fixture
def unscored(trained: Trained) -> Trained:
    forget_scores()
    return trained


def test_a_training_is_one_mlflow_run_with_everything_in_it(trained: Trained) -> None:
    page = run_page(trained.run_id)
    assert (page.name, page.use_case, page.status) == ("train-1", "x_education", "FINISHED")
    assert page.tags["leadmill.reason"] == "a test"
    assert page.tags["leadmill.verdict"] == "promoted"
    for candidate in trained.use_case.model.candidates:
        assert f"candidates/{candidate}.skops" in page.artifacts
        assert 0.5 < page.metrics[f"{candidate}/cv_roc_auc_mean"] < 0.97
        assert f"{candidate}/cv_clean_roc_auc_mean" in page.metrics
        low, value, high = (page.metrics[f"{candidate}/holdout_pr_auc{end}"] for end in ("_low", "", "_high"))
        assert low < value < high
    assert {"figures/importance.json", "figures/coefficients.json"} <= set(page.artifacts)
    assert not any(Path(name).suffix in (".pkl", ".pickle") for name in page.artifacts)


def test_the_frame_of_the_training_is_kept(trained: Trained, tmp_path: Path) -> None:
    frame = pd.read_parquet(store.client().download_artifacts(trained.run_id, f"{FOLDER}/{FILE}", str(tmp_path)))
    assert len(frame) == int(run_page(trained.run_id).tags["leadmill.rows"])
    assert {"lead_id", "as_of", "label", "weight", "total_visits", "total_visits_missing"} <= set(frame.columns)
    assert not {"tags", "lead_quality", "lead_profile"} & set(frame.columns)
    # Everything that speaks of the model names the rows, which come out again.
    named = run_page(trained.run_id).tags["leadmill.training_set"]
    found, again = rebuilt(trained.use_case, named)
    pd.testing.assert_frame_equal(again, frame)
    shown = show_model(trained.use_case, trained.promotion.version)
    assert shown.model.training_set == shown.decisions[0].data["training_set"] == named
    assert trained.promotion.version in found.versions


def test_the_promotion_is_in_the_ledger_and_the_alias_is_set(trained: Trained) -> None:
    assert trained.verdict.passed, trained.verdict.reasons
    shown = show_model(trained.use_case, trained.promotion.version)
    assert shown.serving
    assert [(item.verdict, item.champion_before, item.actor) for item in shown.decisions] == [
        ("promoted", None, "tester")
    ]
    assert set(shown.decisions[0].figures) >= {"ranks_better_than_chance", "knows_more_than_base_rate"}
    assert shown.model.mlflow_run_id == trained.run_id
    assert shown.model.percentiles is not None
    assert len(shown.model.percentiles) == 1001
    assert champion_version(trained.use_case) == trained.promotion.version
    assert [item.serving for item in list_models(trained.use_case)][-1] is True


def test_every_task_again_leaves_the_same(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    use_case = trained.use_case
    before = query("SELECT * FROM ops.models"), query("SELECT * FROM ops.promotions"), run_page(trained.run_id)
    monkeypatch.setattr("leadmill.registry.begin.training_frame", lambda *_: pytest.fail("the frame was read anew"))
    assert begin_training(use_case, "train-1", "a test") == trained.run_id
    # Whatever the spec asks for by now: the version has the figures of what was fitted.
    found = fit(only(use_case, "hist_gradient_boosting"), trained.run_id)
    assert {one.candidate for one in found} == set(use_case.model.competing)
    assert evaluate(use_case, trained.run_id) == trained.evaluation
    assert gate(use_case, trained.run_id, "tester") == trained.verdict
    assert promote(use_case, trained.run_id, "tester") == trained.promotion
    assert (query("SELECT * FROM ops.models"), query("SELECT * FROM ops.promotions")) == before[:2]
    assert run_page(trained.run_id) == before[2]


def test_what_cannot_be_promoted_stays_out_of_the_way(trained: Trained) -> None:
    use_case, serving = only(trained.use_case, trained.promotion.candidate), champion_version(trained.use_case)
    run_id = begin_training(use_case, "train-overtaken", "a test")
    with pytest.raises(MlflowException):
        evaluate(use_case, run_id)
    assert run_page(run_id).status == "FAILED"
    fit(use_case, run_id)
    version = evaluate(use_case, run_id).version
    verdict = gate(use_case, run_id, "tester")
    assert verdict.passed, verdict.reasons
    store.write_json(run_id, VERDICT, asdict(replace(verdict, champion_before="0")))
    with pytest.raises(PromotionRefused, match=f"judged against champion 0, but {serving} serves now"):
        promote(use_case, run_id, "tester")
    decided = show_model(use_case, version).decisions
    assert [(item.verdict, item.champion_before) for item in decided] == [("refused", serving)]
    assert "run the gate again" in decided[0].reasons[0]
    assert run_page(run_id).status == "FINISHED"

    gate(use_case, run_id, "tester")
    file = max(settings.current().mlflow_artifacts.rglob("model.skops"), key=lambda found: found.stat().st_mtime)
    content = file.read_bytes()
    file.write_bytes(b"not a model")
    with pytest.raises(Exception, match="zip"):
        promote(use_case, run_id, "tester")
    assert show_model(use_case, version).decisions == decided
    assert show_model(use_case, version).model.frozen_at is None
    assert (champion_version(use_case), run_page(run_id).status) == (serving, "FAILED")
    file.write_bytes(content)


def test_the_champion_is_compared_on_leads_it_has_not_learned_from(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from leadmill.features.history import training_frame

    use_case = only(trained.use_case, trained.promotion.candidate)
    frame = training_frame(use_case)
    mixed = frame.assign(as_of=frame["as_of"].sample(frac=1, random_state=5).to_numpy())
    monkeypatch.setattr("leadmill.registry.begin.training_frame", lambda *_: mixed)
    run_id = begin_training(use_case, "train-changed", "a test")
    fit(use_case, run_id)
    evaluate(use_case, run_id)
    refused = gate(use_case, run_id, "tester")
    figures = refused.figures["not_worse_than_champion"]
    assert not figures["holds"]
    assert not figures["compared"]
    assert 20 < figures["rows"] < 150
    assert any(f"all but {figures['rows']} of the 300 holdout rows, too few" in reason for reason in refused.reasons)
    assert refused.alarms == ()

    small = use_case.gate.model_copy(update={"min_rows": 100, "min_positives": 20})
    lenient = use_case.model_copy(update={"gate": small})
    verdict = gate(lenient, run_id, "tester")
    assert verdict.figures["not_worse_than_champion"]["rows"] == figures["rows"]
    assert [alarm.split(" of ")[0] for alarm in verdict.alarms] == ["gate.min_rows", "gate.min_positives"]
    begin_training(lenient, "train-changed", "a test")
    assert [record.levelname for record in caplog.records if "below the usual" in record.message] == ["WARNING"] * 2


def test_asking_for_a_run_makes_no_experiment(postgres: dict[str, str]) -> None:
    other = x_education().model_copy(update={"name": "never_trained"})
    assert find_run(other, "train-1") is None
    assert store.find_experiment(other) is None


def test_an_equal_challenger_takes_over_and_everything_is_scored_by_it(unscored: Trained) -> None:
    use_case = only(unscored.use_case, unscored.promotion.candidate)
    score(use_case, "score-1")
    before = champion_version(use_case)
    run_id = begin_training(use_case, "train-2", "a test")
    fit(use_case, run_id)
    evaluate(use_case, run_id)
    verdict = gate(use_case, run_id, "tester")
    assert verdict.passed, verdict.reasons
    assert verdict.figures["not_worse_than_champion"]["gain"]["value"] == 0
    assert promote(use_case, run_id, "tester").champion_before == before
    summary = score(use_case, "score-2")
    assert summary.model_versions == (verdict.version,)
    assert summary.published == summary.total


def test_a_worse_challenger_is_refused_and_changes_nothing(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    from leadmill.features.history import training_frame

    use_case, serving = only(trained.use_case, "logistic_regression"), champion_version(trained.use_case)
    frame = training_frame(use_case)
    shuffled = frame.assign(label=frame["label"].sample(frac=1, random_state=3).to_numpy())
    monkeypatch.setattr("leadmill.registry.begin.training_frame", lambda *_: shuffled)
    run_id = begin_training(use_case, "train-noise", "a test")
    fit(use_case, run_id)
    evaluate(use_case, run_id)
    verdict = gate(use_case, run_id, "tester")
    assert not verdict.passed
    with pytest.raises(PromotionRefused, match="not promoted"):
        promote(use_case, run_id, "tester")
    gate(use_case, run_id, "tester")
    decided = show_model(use_case, verdict.version).decisions
    assert [(item.verdict, item.champion_before) for item in decided] == [("refused", serving)]
    assert decided[0].reasons == verdict.reasons
    assert champion_version(use_case) == serving


def test_too_few_positives_start_no_run(trained: Trained) -> None:
    gate_ = trained.use_case.gate.model_copy(update={"min_positives": 100_000})
    with pytest.raises(NotEnoughData, match=r"gate\.min_positives"):
        begin_training(trained.use_case.model_copy(update={"gate": gate_}), "train-few", "a test")
    assert "train-few" not in {
        run.info.run_name for run in store.client().search_runs([store.experiment_id(trained.use_case)])
    }


def test_a_champion_that_no_longer_fits_does_not_load(trained: Trained) -> None:
    column = trained.use_case.features["total_visits"].model_copy(update={"type": "float"})
    features = {**trained.use_case.features, "total_visits": column}
    with pytest.raises(ModelContractBroken, match="total_visits"):
        champion(trained.use_case.model_copy(update={"features": features}))


def test_without_a_promotion_there_is_no_champion(postgres: dict[str, str]) -> None:
    with pytest.raises(NoChampion, match="other_train"):
        champion(x_education().model_copy(update={"name": "other"}))


def test_every_table_and_column_of_the_ledger_has_a_comment(postgres: dict[str, str]) -> None:
    bare = query(
        "SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid "
        "WHERE c.relname IN ('models', 'promotions') AND c.relnamespace = 'ops'::regnamespace AND a.attnum >= 0 "
        "AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)"
    )
    assert bare == []
