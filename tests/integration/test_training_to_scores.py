"""From published features to a champion and from there to published scores, on real Postgres, Feast and MLflow."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import psycopg
import pytest
from mlflow.exceptions import MlflowException
from support import clean_database, killed_at, query, run_etl, x_education

from leadmill import settings
from leadmill.clock import source_now
from leadmill.demo import needs
from leadmill.demo.generator import generate, write_csv
from leadmill.demo.loader import load_file
from leadmill.errors import (
    LeadmillError,
    ModelContractBroken,
    NoChampion,
    NotEnoughData,
    PromotionRefused,
    ScoresOutdated,
)
from leadmill.registry import store
from leadmill.registry.begin import begin_training, find_run
from leadmill.registry.catalog import list_models, run_page, show_model
from leadmill.registry.champion import champion, champion_version
from leadmill.registry.dataset import FILE, FOLDER
from leadmill.registry.documents import VERDICT, Verdict
from leadmill.registry.evaluate import Evaluation, evaluate
from leadmill.registry.fit import fit
from leadmill.registry.gate import gate
from leadmill.registry.promote import Promotion, promote
from leadmill.scoring.batch import Chunk, plan, score_chunk
from leadmill.scoring.predict import predict
from leadmill.scoring.publish import ScoreSummary, publish_scores
from leadmill.spec import UseCase
from leadmill.storage.frames import read_frame

pytestmark = [
    pytest.mark.slow,
    # Raised inside Feast and MLflow, not ours to mend.
    pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]

LEADS = 1500
SCORES, HISTORY = "scores.x_education", "scores.x_education_history"


@dataclass
class Trained:
    """The first training of the module."""

    use_case: UseCase
    run_id: str
    evaluation: Evaluation
    verdict: Verdict
    promotion: Promotion


def execute(statement: str) -> None:
    with psycopg.connect(settings.current().database_url, autocommit=True) as connection:
        connection.execute(statement.encode())


def forget() -> None:
    """No warehouse, no features, no models."""
    clean_database()
    with psycopg.connect(settings.required("LEADMILL_WAREHOUSE_URL"), autocommit=True) as owner:
        owner.execute("DROP SCHEMA IF EXISTS demo CASCADE")
        owner.execute("DROP SCHEMA IF EXISTS x_education CASCADE")
    for model in store.client().search_registered_models():
        store.client().delete_registered_model(model.name)


@pytest.fixture(scope="module")
def trained(postgres: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    forget()
    use_case = x_education()
    load_file(use_case, write_csv(generate(rows=LEADS), tmp_path_factory.mktemp("files") / "leads.csv"))
    run_etl(use_case)
    run_id = begin_training(use_case, "train-1", "a test")
    fit(use_case, run_id)
    evaluation = evaluate(use_case, run_id)
    verdict = gate(use_case, run_id, "tester")
    yield Trained(use_case, run_id, evaluation, verdict, promote(use_case, run_id, "tester"))
    forget()


@pytest.fixture
def unscored(trained: Trained) -> Trained:
    execute(f"TRUNCATE {SCORES}, {HISTORY}, staging.x_education_scores")
    return trained


def only(use_case: UseCase, candidate: str) -> UseCase:
    """The use case with one candidate and no variant, to be quick."""
    model = use_case.model.model_copy(update={"candidates": (candidate,), "variants": {}})
    return use_case.model_copy(update={"model": model})


def score(use_case: UseCase, run_id: str, chunk_rows: int = 400) -> ScoreSummary:
    counts = [score_chunk(use_case, run_id, chunk) for chunk in plan(use_case, run_id, chunk_rows)]
    return publish_scores(use_case, run_id, sum(counts))


def state() -> tuple[pd.DataFrame, pd.DataFrame, int]:
    scores, history = (read_frame(f"SELECT * FROM {table} ORDER BY 1, run_id") for table in (SCORES, HISTORY))
    return scores, history, query("SELECT count(*) AS n FROM staging.x_education_scores")[0]["n"]


def assert_same(found: tuple[pd.DataFrame, pd.DataFrame, int], wanted: tuple[pd.DataFrame, pd.DataFrame, int]) -> None:
    pd.testing.assert_frame_equal(found[0], wanted[0])
    pd.testing.assert_frame_equal(found[1], wanted[1])
    assert found[2] == wanted[2] == 0


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
    monkeypatch.setattr("leadmill.registry.begin.training_frame", lambda _: pytest.fail("the frame was read anew"))
    assert begin_training(use_case, "train-1", "a test") == trained.run_id
    assert evaluate(use_case, trained.run_id) == trained.evaluation
    assert gate(use_case, trained.run_id, "tester") == trained.verdict
    assert promote(use_case, trained.run_id, "tester") == trained.promotion
    assert (query("SELECT * FROM ops.models"), query("SELECT * FROM ops.promotions")) == before[:2]
    assert run_page(trained.run_id) == before[2]


def test_all_leads_are_scored_in_chunks_and_say_by_what(unscored: Trained) -> None:
    use_case, version = unscored.use_case, unscored.promotion.version
    leads = query("SELECT count(*) AS n FROM features.x_education_latest")[0]["n"]
    chunks = plan(use_case, "score-1", 400)
    assert len(chunks) == -(-leads // 400)
    assert [score_chunk(use_case, "score-1", chunk) for chunk in chunks] == [chunk.rows for chunk in chunks]
    summary = publish_scores(use_case, "score-1")
    assert (summary.published, summary.total, summary.stale) == (leads, leads, 0)
    scores, history, left = state()
    pd.testing.assert_frame_equal(scores, history)
    assert left == 0
    assert set(scores["model_version"]) == {version}
    assert set(scores["run_id"]) == {"score-1"}
    assert set(scores["scored_at"]) == {pd.Timestamp(source_now(use_case))}
    assert ((scores["probability"] * 1000 - scores["lead_score"]).abs() <= 0.5).all()
    assert summary.bands["A"] == -(-leads // 10)
    assert scores.groupby("band")["probability"].min().sort_values(ascending=False).index.tolist() == list("ABCD")


def test_one_lead_alone_gets_the_score_it_got_in_the_batch(unscored: Trained) -> None:
    use_case = unscored.use_case
    score(use_case, "score-1")
    features = read_frame("SELECT * FROM features.x_education_latest ORDER BY lead_id LIMIT 5")
    published = read_frame(
        "SELECT lead_id, lead_score, probability, band, percentile FROM scores.x_education ORDER BY lead_id LIMIT 5"
    )
    serving = champion(use_case)
    alone = pd.concat([predict(use_case, serving, features.iloc[[row]]) for row in range(5)])
    pd.testing.assert_frame_equal(alone, published, check_dtype=False, check_exact=True)


def test_killed_while_a_chunk_is_copied_and_run_again(unscored: Trained) -> None:
    use_case = unscored.use_case
    score(use_case, "score-1", 800)
    wanted = state()
    execute(f"TRUNCATE {SCORES}, {HISTORY}")
    chunks = plan(use_case, "score-1", 800)
    assert killed_at("score.chunk_copied", score_chunk, use_case, "score-1", chunks[0]) == -9
    assert query("SELECT count(*) AS n FROM staging.x_education_scores") == [{"n": 0}]
    for chunk in [chunks[0], *chunks]:
        score_chunk(use_case, "score-1", chunk)
    publish_scores(use_case, "score-1")
    assert_same(state(), wanted)


@pytest.mark.parametrize(
    ("point", "published"), [("score.before_publish_commit", False), ("score.after_publish", True)]
)
def test_killed_while_publishing_and_run_again(unscored: Trained, point: str, published: bool) -> None:
    use_case = unscored.use_case
    score(use_case, "score-1", 800)
    wanted = state()
    execute(f"TRUNCATE {SCORES}, {HISTORY}")
    staged = sum(score_chunk(use_case, "score-1", chunk) for chunk in plan(use_case, "score-1", 800))
    assert killed_at(point, publish_scores, use_case, "score-1", staged) == -9
    assert (query(f"SELECT count(*) AS n FROM {SCORES}")[0]["n"] > 0) is published
    publish_scores(use_case, "score-1", staged)
    assert_same(state(), wanted)


def test_only_what_changed_is_scored_again(unscored: Trained) -> None:
    use_case = unscored.use_case
    leads = score(use_case, "score-1").total
    assert [chunk.rows for chunk in plan(use_case, "score-2")] == [0]
    assert needs.unscored(use_case) == 0
    execute(f"UPDATE {SCORES} SET scored_at = '2001-01-01Z' WHERE lead_id IN (SELECT lead_id FROM {SCORES} LIMIT 2)")
    assert [chunk.rows for chunk in plan(use_case, "score-2")] == [needs.unscored(use_case)] == [2]
    execute(f"UPDATE {SCORES} AS s SET scored_at = h.scored_at FROM {HISTORY} AS h WHERE h.lead_id = s.lead_id")
    columns = "lead_id, created_timestamp, imputer_version, spec_version, content_hash, window_id"
    listed = ", ".join(item.name for item in champion(use_case).inputs)
    execute(
        f"INSERT INTO features.x_education (event_timestamp, {columns}, {listed}) "
        f"SELECT event_timestamp + interval '1 minute', {columns}, {listed} "
        "FROM features.x_education_latest ORDER BY lead_id LIMIT 3"
    )
    try:
        assert needs.unscored(use_case) == 3
        assert (score(use_case, "score-2").published, score(use_case, "score-3").published) == (3, 0)
        scores, history, _ = state()
        assert (len(scores), len(history)) == (leads, leads + 3)
        assert scores["run_id"].value_counts().to_dict() == {"score-1": leads - 3, "score-2": 3}
    finally:
        execute(
            "DELETE FROM features.x_education AS f USING features.x_education AS g "
            "WHERE f.lead_id = g.lead_id AND f.event_timestamp = g.event_timestamp + interval '1 minute'"
        )


def test_a_lead_is_stale_while_its_newest_verified_row_is_a_rejected_one(unscored: Trained) -> None:
    use_case = unscored.use_case
    score(use_case, "score-1")
    lead = query(f"SELECT lead_id FROM {SCORES} LIMIT 1")[0]["lead_id"]
    verified = query("SELECT max(window_id) AS w FROM ops.windows WHERE status = 'published'")[0]["w"]
    execute(
        "INSERT INTO ops.windows (use_case, until, source_now, status) "
        "VALUES ('x_education', '2099-01-02Z', '2099-01-02Z', 'open')"
    )
    opened = query("SELECT max(window_id) AS w FROM ops.windows")[0]["w"]
    reject = (
        "INSERT INTO rejected.x_education (window_id, row_no, suite, recorded_at, key, rules, row) "
        "VALUES ({}, -1, 'raw', '{}', '{}', '{{broken}}', '{{}}')"
    )
    accept = (
        "INSERT INTO raw.x_education (window_id, row_no, recorded_at, content_hash, lead_id) "
        f"VALUES ({{}}, -2, '{{}}', 'mended', '{lead}')"
    )
    try:
        execute(reject.format(opened, "2099-01-01Z", lead))
        assert publish_scores(use_case, "score-2").stale == 0, "the window is not published yet"
        execute(reject.format(verified, "2099-01-01Z", lead.upper()))
        assert publish_scores(use_case, "score-3").stale == 1
        assert query(f"SELECT lead_id FROM {SCORES} WHERE status = 'stale'") == [{"lead_id": lead}]
        execute(accept.format(opened, "2099-01-01Z"))
        assert publish_scores(use_case, "score-4").stale == 1, "the mended row is not verified yet"
        execute("DELETE FROM raw.x_education WHERE row_no = -2")
        execute(accept.format(verified, "2098-12-31Z"))
        assert publish_scores(use_case, "score-5").stale == 1, "the accepted row is the older one"
        execute("UPDATE raw.x_education SET recorded_at = '2099-01-01Z' WHERE row_no = -2")
        assert publish_scores(use_case, "score-6").stale == 0
    finally:
        execute("DELETE FROM rejected.x_education WHERE row_no = -1")
        execute("DELETE FROM raw.x_education WHERE row_no = -2")
        execute(f"DELETE FROM ops.windows WHERE window_id = {opened}")


def test_every_lead_is_stale_when_nothing_was_verified_for_too_long(unscored: Trained) -> None:
    use_case = unscored.use_case
    total = score(use_case, "score-1").total
    hasty = use_case.model_copy(
        update={"score": use_case.score.model_copy(update={"stale_after": timedelta(seconds=1)})}
    )
    assert publish_scores(hasty, "score-2").stale == total
    assert publish_scores(use_case, "score-3").stale == 0


def test_a_chunk_of_an_older_run_is_never_published(unscored: Trained) -> None:
    use_case = unscored.use_case
    old = plan(use_case, "old")
    score_chunk(use_case, "old", old[0])
    score(use_case, "new")
    wanted = (*state()[:2], 0)
    assert publish_scores(use_case, "old").published == 0
    assert_same(state(), wanted)
    execute(f"UPDATE {SCORES} SET model_version = 'another', scored_at = scored_at + interval '1 day'")
    score_chunk(use_case, "old", Chunk(0, 0, old[0].version, old[0].scored_at, None, None))
    assert publish_scores(use_case, "old").model_versions == ("another",)
    assert query(f"SELECT count(*) AS n FROM {HISTORY} WHERE run_id = 'old'")[0]["n"] == 0


def test_rows_that_a_chunk_lost_are_not_passed_over(unscored: Trained) -> None:
    use_case = unscored.use_case
    staged = score_chunk(use_case, "score-1", plan(use_case, "score-1")[0])
    execute("DELETE FROM staging.x_education_scores WHERE ctid = (SELECT min(ctid) FROM staging.x_education_scores)")
    with pytest.raises(LeadmillError, match=f"staged {staged:,} scores.*{staged - 1:,} are there"):
        publish_scores(use_case, "score-1", staged)
    assert query(f"SELECT count(*) AS n FROM {SCORES}")[0]["n"] == 0
    execute("TRUNCATE staging.x_education_scores")
    with pytest.raises(LeadmillError, match="0 are there"):
        publish_scores(use_case, "score-1", staged)


def test_a_run_clears_its_own_rows_and_those_that_nobody_will_publish(unscored: Trained) -> None:
    use_case = unscored.use_case
    for run_id in ("beside", "left behind"):
        score_chunk(use_case, run_id, plan(use_case, run_id)[0])
    execute(
        "UPDATE staging.x_education_scores SET scored_at = scored_at - interval '25 hours' WHERE run_id = 'left behind'"
    )
    score(use_case, "score-1")
    assert query("SELECT DISTINCT run_id FROM staging.x_education_scores") == [{"run_id": "beside"}]


def test_scores_of_a_model_that_no_longer_serves_are_not_published(unscored: Trained) -> None:
    use_case = unscored.use_case
    score_chunk(use_case, "score-1", plan(use_case, "score-1")[0])
    execute("UPDATE staging.x_education_scores SET model_version = '0'")
    with pytest.raises(ScoresOutdated, match=r"by model 0 .* but 1 serves now"):
        publish_scores(use_case, "score-1")
    assert query(f"SELECT count(*) AS n FROM {SCORES}")[0]["n"] == 0


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
    monkeypatch.setattr("leadmill.registry.begin.training_frame", lambda _: mixed)
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
    monkeypatch.setattr("leadmill.registry.begin.training_frame", lambda _: shuffled)
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
