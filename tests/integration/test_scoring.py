"""Scores from the champion to readers, on real Postgres, Feast and MLflow."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pandas as pd
import psycopg
import pytest
from scoring_support import (
    HISTORY,
    ROWS,
    RUNS,
    SCORES,
    Trained,
    assert_same,
    assert_totals_hold,
    changed_by_hand,
    execute,
    forget_scores,
    score,
    stage,
    state,
    training,
    unpublished,
)
from support import killed_at, query

from leadmill import settings
from leadmill.clock import source_now
from leadmill.demo import needs
from leadmill.errors import LeadmillError, ScoresOutdated
from leadmill.registry.champion import champion
from leadmill.scoring.batch import plan, score_chunk
from leadmill.scoring.generations import hold
from leadmill.scoring.predict import predict
from leadmill.scoring.publish import publish_scores
from leadmill.scoring.scorer import scorer
from leadmill.storage.frames import read_frame

pytestmark = [
    pytest.mark.slow,
    # Raised inside Feast and MLflow, not ours to mend.
    pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]


SEEN = ("read", "accepted", "rejected", "already_seen")
TOUCHED = ("touched", "appended", "unchanged", "refused", "prepared")


@pytest.fixture(scope="module")
def trained(postgres: dict[str, str]) -> Iterator[Trained]:
    with training("logistic_regression") as found:
        yield found


@pytest.fixture
def unscored(trained: Trained) -> Trained:
    forget_scores()
    return trained


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


def test_the_first_run_after_an_upgrade_adds_what_its_tables_lack(unscored: Trained) -> None:
    execute(f"ALTER TABLE {RUNS} DROP COLUMN written")
    assert score(unscored.use_case, "score-1").published > 0


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


def test_scores_carry_the_reasons_that_the_scorer_gives_when_asked(unscored: Trained) -> None:
    use_case = unscored.use_case
    score(use_case, "score-1")
    asked = scorer(use_case, champion(use_case))
    stored = {row["lead_id"]: row for row in query(f"SELECT * FROM {SCORES} ORDER BY lead_id LIMIT 1000")}
    features = read_frame("SELECT * FROM features.x_education_latest").to_dict("records")
    compared = [(stored[row["lead_id"]], asked.one(row)) for row in features if row["lead_id"] in stored]
    assert len(compared) == 1000
    for published, one in compared:
        reasons = published["reasons"]
        assert published["probability"] == pytest.approx(one.probability, abs=1e-12)
        assert [reason["sentence"] for reason in reasons] == [reason.sentence for reason in one.reasons]
        points = sum(reason["points"] for reason in reasons)
        assert one.base + points == pytest.approx(1000 * published["probability"], abs=1e-6)
    best = query(f"SELECT DISTINCT reasons -> 0 ->> 'feature' AS feature FROM {HISTORY} WHERE band = 'A'")
    assert {row["feature"] for row in best} <= set(use_case.features)


def test_killed_while_a_chunk_is_copied_and_run_again(unscored: Trained) -> None:
    use_case = unscored.use_case
    score(use_case, "score-1", 800)
    wanted = state()
    forget_scores()
    chunks = plan(use_case, "score-1", 800)
    assert killed_at("score.chunk_copied", score_chunk, use_case, "score-1", chunks[0]) == -9
    assert unpublished() == 0
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
    forget_scores()
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
    changed_by_hand()
    assert [chunk.rows for chunk in plan(use_case, "score-2")] == [needs.unscored(use_case)] == [2]
    execute(f"UPDATE {SCORES} SET scored_at = (SELECT max(scored_at) FROM {SCORES})")
    assert [chunk.rows for chunk in plan(use_case, "score-2")] == [0]
    assert publish_scores(use_case, "score-2", 0).total == leads
    columns = "lead_id, created_timestamp, imputer_version, spec_version, content_hash"
    listed = ", ".join(item.name for item in champion(use_case).inputs)
    execute(
        f"INSERT INTO features.x_education (event_timestamp, window_id, {columns}, {listed}) "
        f"SELECT event_timestamp + interval '1 minute', window_id + 1, {columns}, {listed} "
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

    def opened() -> int:
        execute(
            "INSERT INTO ops.windows (use_case, until, source_now, status) "
            "VALUES ('x_education', '2099-01-02Z', '2099-01-02Z', 'open')"
        )
        return query("SELECT max(window_id) AS w FROM ops.windows")[0]["w"]

    def published(window: int) -> None:
        nothing = ", ".join(f"{name} = 0" for name in (*SEEN, *TOUCHED))
        execute(f"UPDATE ops.windows SET status = 'published', {nothing} WHERE window_id = {window}")

    windows = [opened()]
    reject = (
        "INSERT INTO rejected.x_education (window_id, row_no, suite, recorded_at, key, rules, row) "
        "VALUES ({}, -1, 'raw', '2099-01-01Z', '{}', '{{broken}}', '{{}}')"
    )
    # As publication does for a row that says what the lead's features say already.
    accept = "INSERT INTO features.x_education_confirmed (lead_id, recorded_at, window_id) VALUES ('{}', '{}', {})"
    try:
        execute(reject.format(windows[0], lead.upper()))
        assert publish_scores(use_case, "score-2").stale == 0, "the window is not published yet"
        published(windows[0])
        assert publish_scores(use_case, "score-3").stale == 1
        assert query(f"SELECT lead_id FROM {SCORES} WHERE status = 'stale'") == [{"lead_id": lead}]
        due_again()
        assert score(use_case, "score-4").stale == 1, "a new score of it is no fresher"
        assert query(f"SELECT lead_id FROM {HISTORY} WHERE status = 'stale'") == [{"lead_id": lead}]
        assert_totals_hold()
        windows.append(opened())
        execute(accept.format(lead, "2098-12-31Z", windows[1]))
        published(windows[1])
        assert publish_scores(use_case, "score-5").stale == 1, "the accepted row is the older one"
        execute(accept.format(lead, "2099-01-01Z", windows[1]))
        assert publish_scores(use_case, "score-6").stale == 0
    finally:
        execute("DELETE FROM rejected.x_education WHERE row_no = -1")
        execute("DELETE FROM features.x_education_confirmed WHERE recorded_at > '2098-01-01Z'")
        execute(f"DELETE FROM ops.windows WHERE window_id IN ({', '.join(map(str, windows))})")


def test_every_lead_is_stale_when_nothing_was_verified_for_too_long(unscored: Trained) -> None:
    use_case = unscored.use_case
    total = score(use_case, "score-1").total
    hasty = use_case.model_copy(
        update={"score": use_case.score.model_copy(update={"stale_after": timedelta(seconds=1)})}
    )
    assert publish_scores(hasty, "score-2").stale == total
    assert_totals_hold()
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
    assert score_chunk(use_case, "old", old[0]) == old[0].rows
    assert publish_scores(use_case, "old").published == 0
    assert query(f"SELECT DISTINCT model_version FROM {SCORES}") == [{"model_version": "another"}]
    assert query(f"SELECT count(*) AS n FROM {HISTORY} WHERE run_id = 'old'")[0]["n"] == 0


def test_rows_that_a_chunk_never_wrote_are_not_passed_over(unscored: Trained) -> None:
    use_case = unscored.use_case
    chunks = plan(use_case, "score-1", 800)
    wanted, staged = sum(chunk.rows for chunk in chunks), sum(chunk.rows for chunk in chunks[1:])
    for chunk in chunks[1:]:
        score_chunk(use_case, "score-1", chunk)
    assert killed_at("score.chunk_copied", score_chunk, use_case, "score-1", chunks[0]) == -9
    with pytest.raises(LeadmillError, match=f"staged {wanted:,} scores.*{staged:,} are there"):
        publish_scores(use_case, "score-1", wanted)
    assert query(f"SELECT count(*) AS n FROM {SCORES}")[0]["n"] == 0
    plan(use_case, "score-1", 800)
    with pytest.raises(LeadmillError, match="0 are there"):
        publish_scores(use_case, "score-1", wanted)


def test_a_run_is_planned_again_only_when_no_chunk_writes_into_it(unscored: Trained) -> None:
    use_case = unscored.use_case
    score_chunk(use_case, "score-1", plan(use_case, "score-1")[0])
    with psycopg.connect(settings.current().database_url) as late, ThreadPoolExecutor(1) as pool:
        assert hold(late, use_case, 1)
        late.execute(f"UPDATE {ROWS} SET lead_id = gen_random_uuid()".encode())
        again = pool.submit(plan, use_case, "score-1")
        with pytest.raises(TimeoutError):
            again.result(0.5)
        late.commit()
        again.result()
    assert query(f"SELECT count(*) AS n FROM {ROWS}")[0]["n"] == 0


def test_a_run_clears_its_own_rows_and_those_that_nobody_will_publish(unscored: Trained) -> None:
    use_case = unscored.use_case
    for run_id in ("beside", "left behind"):
        score_chunk(use_case, run_id, plan(use_case, run_id)[0])
    execute(f"UPDATE {RUNS} SET planned_at = planned_at - interval '25 hours' WHERE run_id = 'left behind'")
    score(use_case, "score-1")
    assert query(f"SELECT DISTINCT run_id FROM {ROWS} ORDER BY 1") == [{"run_id": "beside"}, {"run_id": "score-1"}]
    assert query(f"SELECT DISTINCT run_id FROM {HISTORY}") == [{"run_id": "score-1"}]
    assert [_there(f"staging.x_education_due_{number}") for number in (1, 2, 3)] == [True, False, False]


def test_scores_of_a_model_that_no_longer_serves_are_not_published(unscored: Trained) -> None:
    use_case = unscored.use_case
    score_chunk(use_case, "score-1", plan(use_case, "score-1")[0])
    execute(f"UPDATE {RUNS} SET written = regexp_replace(written::text, '(version\": \")1', '\\10', 'g')::jsonb")
    with pytest.raises(ScoresOutdated, match=r"by model 0 .* but 1 serves now"):
        publish_scores(use_case, "score-1")
    assert query(f"SELECT count(*) AS n FROM {SCORES}")[0]["n"] == 0


def _there(table: str) -> bool:
    return query("SELECT to_regclass(%s) IS NOT NULL AS there", [table])[0]["there"]


def due_again(leads: int | None = None) -> None:
    """Have that many leads, or all, look as if another model had scored them."""
    execute(
        f"UPDATE {SCORES} SET model_version = '0' WHERE lead_id IN "
        f"(SELECT lead_id FROM {SCORES} ORDER BY lead_id LIMIT {leads or 'ALL'})"
    )
    changed_by_hand()


def by_run(table: str = SCORES) -> dict[str, int]:
    return {row["run_id"]: row["n"] for row in query(f"SELECT run_id, count(*) AS n FROM {table} GROUP BY 1")}


def reader(*options: str) -> psycopg.Connection:
    """A person's connection, which is told at once when it would have to wait for a lock."""
    url = settings.required("LEADMILL_READER_URL")
    return psycopg.connect(url, options=" ".join(["-c lock_timeout=1", *options]))


def test_readers_see_the_old_scores_or_the_new_ones_and_never_wait(unscored: Trained) -> None:
    use_case = unscored.use_case
    leads = score(use_case, "score-1").total
    due_again()
    execute(f"CREATE VIEW scores.best_leads AS SELECT * FROM {SCORES} WHERE band = 'A'")
    execute(f"GRANT SELECT ON {SCORES} TO pg_monitor")
    granted = query("SELECT oid, relacl::text FROM pg_class WHERE oid = to_regclass(%s)", [SCORES])
    counted = f"SELECT count(*), count(*) FILTER (WHERE run_id = 'score-2') FROM {SCORES}".encode()
    both = f"SELECT (SELECT count(*) FROM {HISTORY}), s.* FROM {SCORES} AS s ORDER BY lead_id".encode()
    seen: set[tuple[int, int]] = set()
    done = threading.Event()

    def poll() -> None:
        with reader() as connection:
            while not done.is_set():
                seen.add(connection.execute(counted).fetchone() or (0, 0))
                connection.rollback()

    try:
        with ThreadPoolExecutor(1) as pool, reader("-c default_transaction_isolation=repeatable\\ read") as patient:
            before = patient.execute(both).fetchall()
            polling = pool.submit(poll)
            try:
                score(use_case, "score-2")
                # And what cleans up after runs that nobody published.
                stage(use_case, "score-3")
                execute(f"UPDATE {RUNS} SET planned_at = planned_at - interval '2 days' WHERE run_id = 'score-3'")
                score(use_case, "score-4")
                time.sleep(0.1)
            finally:
                done.set()
            polling.result()
            assert patient.execute(both).fetchall() == before
            patient.rollback()
            assert patient.execute(both).fetchall() != before
        assert seen <= {(leads, 0), (leads, leads)}
        assert (leads, leads) in seen
        assert set(by_run("scores.best_leads")) == {"score-2"}
        assert query("SELECT oid, relacl::text FROM pg_class WHERE oid = to_regclass(%s)", [SCORES]) == granted
    finally:
        execute("DROP VIEW scores.best_leads")
        execute(f"REVOKE SELECT ON {SCORES} FROM pg_monitor")


@pytest.mark.parametrize("changed", [3, -3], ids=["few", "all but three"])
@pytest.mark.parametrize("point", ["score.before_publish_commit", "score.after_publish"])
def test_killed_while_scores_are_replaced_and_run_again(unscored: Trained, point: str, changed: int) -> None:
    """Few rows come to those that are shown; of many, those that stay come to them."""
    use_case = unscored.use_case
    wanted = None
    for kill in (False, True):
        forget_scores()
        leads = score(use_case, "score-1").total
        number = changed % leads
        due_again(number)
        staged = stage(use_case, "score-2")
        assert staged == number
        if kill:
            assert killed_at(point, publish_scores, use_case, "score-2", staged) == -9
            new = {"score-1": leads - number, "score-2": number}
            assert by_run() == (new if point == "score.after_publish" else {"score-1": leads})
        assert publish_scores(use_case, "score-2", staged).published == number
        assert by_run(HISTORY) == {"score-1": leads, "score-2": number}
        assert_totals_hold()
        if wanted is not None:
            assert_same(state(), wanted)
        wanted = state()


def test_a_score_never_replaces_one_that_was_made_later(unscored: Trained) -> None:
    use_case = unscored.use_case
    leads = score(use_case, "score-1").total
    due_again()
    later = f"SELECT lead_id FROM {SCORES} ORDER BY lead_id LIMIT 2"
    execute(f"UPDATE {SCORES} SET scored_at = scored_at + interval '1 day' WHERE lead_id IN ({later})")
    staged = stage(use_case, "score-2")
    assert staged == leads
    assert publish_scores(use_case, "score-2", staged).published == leads - 2
    assert publish_scores(use_case, "score-2", staged).published == leads - 2
    assert by_run() == {"score-1": 2, "score-2": leads - 2}
    assert_totals_hold()
    assert by_run(HISTORY) == {"score-1": leads, "score-2": leads - 2}


def test_a_run_that_is_run_again_is_in_the_history_once(unscored: Trained) -> None:
    use_case = unscored.use_case
    leads = score(use_case, "score-1").total
    due_again(5)
    execute(f"UPDATE {SCORES} SET scored_at = scored_at - interval '1 hour'")
    assert score(use_case, "score-1").total == leads
    assert by_run() == by_run(HISTORY) == {"score-1": leads}
    assert_totals_hold()


def test_a_lead_is_looked_up_by_an_index(unscored: Trained) -> None:
    score(unscored.use_case, "score-1")
    execute(f"ANALYZE {ROWS}")
    for table in (SCORES, HISTORY):
        plan_ = query(f"EXPLAIN SELECT * FROM {table} WHERE lead_id = '{UUID(int=1)}'")
        assert any("x_education_rows_pkey" in row["QUERY PLAN"] for row in plan_), plan_
