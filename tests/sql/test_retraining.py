"""When data makes a training due: what counts, what a judged version has had, and what starts none."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from added_support import copied, edited, use_cases_in
from event_support import BEGIN, DAY, HOUR, Crm, changed_leads, empty_crm, execute, leads, outcome, version
from support import clean_database, query
from tpv_support import Acquirer, Figure, Profile, acquirer, tpv

from leadmill.features.backfill import backfill
from leadmill.features.history import known_through
from leadmill.features.training_rows import entity_rows_sql
from leadmill.monitoring.retraining import Due, learns_since, training_due, watch_retraining
from leadmill.registry import store
from leadmill.spec import Retrain, UseCase

__all__ = ["acquirer"]

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")

LEADS = 20
MATURES = timedelta(days=37)
# Lead n is recorded n days after BEGIN, so its rows are of the days n + 1, n + 7 and n + 14.
NOW = BEGIN + MATURES + 20 * DAY


def rules(new_outcomes: int = 8, drift_rows: int = 12) -> UseCase:
    return leads().model_copy(update={"retrain": Retrain(new_outcomes=new_outcomes, drift_rows=drift_rows)})


@pytest.fixture(scope="module")
def champion(postgres: dict[str, str]) -> Iterator[None]:
    """A version of each serves, as the registry says it."""
    client = store.client()
    for name in ("leads", "tpv"):
        client.create_registered_model(name)
        client.create_model_version(name, "nowhere")
        client.set_registered_model_alias(name, store.CHAMPION, "1")
    yield
    for name in ("leads", "tpv"):
        client.delete_registered_model(name)


@pytest.fixture(scope="module")
def history(postgres: dict[str, str], champion: None) -> Iterator[Crm]:
    """A lead a day; the third is lost on its second day."""
    with empty_crm(postgres) as crm:
        facts = [version(number, BEGIN + number * DAY) for number in range(1, LEADS + 1)]
        crm.run(*facts, outcome(3, "lost", BEGIN + 5 * DAY), until=NOW)
        yield crm


@pytest.fixture
def crm(history: Crm) -> Iterator[Crm]:
    """The history, nothing judged and no drift."""
    yield history
    execute("TRUNCATE ops.promotions, ops.models, ops.alerts, ops.drift, ops.retraining CASCADE")


def judged(
    through: datetime,
    verdict: str = "promoted",
    candidate: str = "logistic_regression",
    at: int = 1,
    name: str = "leads",
) -> None:
    """A version was judged whose newest training row is of that time."""
    values = {"name": name, "at": str(at), "candidate": candidate}
    execute(
        "INSERT INTO ops.models (use_case, version, mlflow_run_id, candidate, created_at, training_rows, positives, "
        "data_fingerprint, spec_version, inputs, metrics) VALUES (%(name)s, %(at)s, %(at)s, %(candidate)s, now(), 1, "
        "1, '', '', '[]', '{}')",
        values,
    )
    execute(
        "INSERT INTO ops.promotions (decision, use_case, verdict, version, candidate, reasons, figures, data, actor, "
        "mlflow_run_id, decided_at) VALUES (%(at)s, %(name)s, %(verdict)s, %(at)s, %(candidate)s, '[]', '{}', "
        "jsonb_build_object('through', %(through)s::text), 'test', %(at)s, now())",
        values | {"verdict": verdict, "through": through.isoformat()},
    )


def drifting(onset: datetime) -> None:
    """An alert is open since a look whose recent rows begin there."""
    execute(
        "INSERT INTO ops.drift (use_case, run_id, subject, kind, model_version, as_of, since, rows, entities, test, "
        "judged, new_levels, alarms) VALUES ('leads', 'look', 'city', 'category', '1', %(on)s, %(on)s, 1, 1, "
        "'chi_squared', true, '{}', '{distribution}')",
        {"on": onset},
    )
    execute(
        "INSERT INTO ops.alerts (use_case, watch, subject, kind, message, opened_at, opened_by, seen_at) "
        "VALUES ('leads', 'drift', 'city', 'distribution', '', %(on)s, 'look', %(on)s)",
        {"on": onset},
    )


def day(number: float) -> datetime:
    return BEGIN + number * DAY


def test_rows_since_a_time_are_those_of_all_with_their_weights(crm: Crm) -> None:
    every = query(entity_rows_sql(leads(), NOW))
    since = day(12)
    wanted = [row for row in every if row["as_of"] > since]
    assert 0 < len(wanted) < len(every)
    found = query(entity_rows_sql(leads(), NOW, since))
    assert sorted(found, key=str) == sorted(wanted, key=str)


def test_outcomes_count_once_and_only_where_no_version_has_had_a_row(crm: Crm) -> None:
    judged(day(11))
    # Leads 11 to 19 reached the age of a day after that, and 20 has not matured by then.
    due = training_due(rules(new_outcomes=9))
    assert (due.rule, due.outcomes, due.through) == ("new_outcomes", 9, day(11))
    assert due.sentence.startswith("due by new outcomes: 9 outcomes matured since 2026-03-13 12:00 UTC")
    quiet = training_due(rules(new_outcomes=10))
    assert (quiet.rule, quiet.outcomes) == (None, 9)
    assert quiet.sentence.startswith("no training is due: 9 outcomes")


@pytest.mark.parametrize("verdict", ["refused", "held"])
def test_a_challenger_that_was_not_promoted_has_had_its_rows_too(crm: Crm, verdict: str) -> None:
    judged(day(2))
    assert training_due(rules()).rule == "new_outcomes"
    judged(day(20), verdict, at=2)
    assert training_due(rules()) == Due(None, day(20), 0, None, 0, 0, training_due(rules()).sentence)


def test_a_model_from_elsewhere_has_had_nothing_and_an_older_one_put_back_changes_nothing(crm: Crm) -> None:
    judged(day(15))
    judged(day(20), candidate="external", at=2)
    judged(day(2), "rolled_back", at=3)
    assert (training_due(rules()).through, training_due(rules()).outcomes) == (day(15), 5)


def test_drift_arms_and_fires_once_enough_rows_since_its_onset_have_matured(crm: Crm) -> None:
    judged(day(10))
    asked = rules(new_outcomes=1000, drift_rows=12)
    assert training_due(asked).rule is None
    drifting(day(14))
    rows = [row for row in query(entity_rows_sql(leads(), NOW)) if row["as_of"] > day(14)]
    due = training_due(asked)
    assert (due.rule, due.rows, due.onset) == ("drift", len(rows), day(14))
    assert learns_since(asked, due) == day(14)
    more = rules(new_outcomes=1000, drift_rows=len(rows) + 1)
    assert (training_due(more).rule, learns_since(more, training_due(more))) == (None, None)
    assert f"{len(rows)} rows since then have matured" in training_due(more).sentence
    # A challenger has had them, refused or not: it waits for as many again, and a training by hand still learns them.
    judged(day(20), "refused", at=2)
    later = training_due(asked)
    assert (later.rule, later.rows, learns_since(asked, later)) == (None, 0, day(14))
    execute("UPDATE ops.alerts SET closed_at = now()")
    assert training_due(asked).onset is None


def test_without_a_champion_nothing_is_due(crm: Crm) -> None:
    store.client().delete_registered_model_alias("leads", store.CHAMPION)
    try:
        assert training_due(rules(new_outcomes=1)).rule is None
    finally:
        store.client().set_registered_model_alias("leads", store.CHAMPION, "1")


def test_a_horizon_counts_as_passed_only_as_far_as_the_source_has_been_read(crm: Crm) -> None:
    """The clock jumps on, and what became of the leads is still unread."""
    judged(day(11))
    before = training_due(rules())
    now = crm.later(30 * DAY)
    try:
        assert known_through(leads()) == NOW < now
        assert training_due(rules()) == before
    finally:
        crm.move_clock(now - 30 * DAY)


def test_the_same_data_is_told_once_a_day(crm: Crm) -> None:
    judged(day(2))
    now = crm.later(timedelta(0))
    assert [watch_retraining(rules(), run)[1] for run in ("one", "two", "one")] == [True, False, True]
    crm.later(DAY + HOUR)
    try:
        assert watch_retraining(rules(), "three")[1]
        judged(day(20), at=2)
        assert watch_retraining(rules(), "four")[1] is False
    finally:
        crm.move_clock(now)
    rows = query("SELECT run_id, rule, told FROM ops.retraining ORDER BY run_id")
    assert [(row["run_id"], row["rule"], row["told"]) for row in rows] == [
        ("four", None, False),
        ("one", "new_outcomes", True),
        ("three", "new_outcomes", True),
        ("two", "new_outcomes", False),
    ]


def test_a_sum_that_came_true_anew_counts_for_old_entities_too(acquirer: Acquirer, champion: None) -> None:
    begin = datetime(2025, 10, 1, tzinfo=UTC)
    facts: list[Profile | Figure] = []
    # First recorded on that day; the last is not old enough by the 160th for a sum that no version has had.
    for name, since in {"OLD": 0, "MIDDLE": 30, "NEW": 50, "YOUNG": 90}.items():
        opened = begin + since * DAY
        facts.append(Profile(name, opened, opened, "hotel", "coast", opened.date()))
        days = [opened + number * DAY for number in range(0, 155 - since, 5)]
        facts += [Figure(name, day.date(), day + DAY + HOUR, 1, 10) for day in days]
    acquirer.run(facts, begin + 160 * DAY)
    use_case = tpv().model_copy(update={"retrain": Retrain(new_outcomes=3)})
    judged(begin + 100 * DAY, name="tpv")
    due = training_due(use_case)
    assert (due.rule, due.outcomes) == ("new_outcomes", 3)
    judged(begin + 120 * DAY, "refused", at=2, name="tpv")
    assert (training_due(use_case).rule, training_due(use_case).outcomes) == (None, 0)


@pytest.mark.slow
def test_a_backfill_of_thirty_days_makes_nothing_due(postgres: dict[str, str], champion: None, tmp_path: Path) -> None:
    """Old rows written anew by a changed spec, and thirty days of old leads that the source delivers late."""

    def fewer(raw: dict[str, Any]) -> None:
        raw["as_of"], raw["retrain"] = ["1d", "7d", "14d"], {"new_outcomes": 3, "drift_rows": 3}
        del raw["features"]["visits_1d"]

    def more(raw: dict[str, Any]) -> None:
        raw["features"]["visits_1d"] = {"type": "int", "min": 0, "impute": "none", "fill": 0}

    with empty_crm(postgres) as crm, use_cases_in(tmp_path) as folder:
        old = copied("leads", folder, fewer)
        crm.run(*(version(number, day(number)) for number in range(1, 31)), until=day(70), use_case=old)
        judged(max(row["as_of"] for row in query(entity_rows_sql(old, known_through(old)))))
        drifting(day(60))
        before = training_due(old)
        assert (before.rule, before.outcomes, before.rows) == (None, 0, 0)
        stored = query("SELECT count(*) AS n FROM features.leads")[0]["n"]
        # The source tells at once of leads of the last thirty days, as of then: all recorded now.
        late = [version(100 + number, day(39 + number), day(70) + HOUR) for number in range(30)]
        crm.run(*late, until=day(70) + 2 * HOUR, use_case=old)
        new = edited("leads", folder, more)
        assert backfill(new, "backfill") is not None
        assert query("SELECT count(*) AS n FROM features.leads")[0]["n"] > stored + 30
        after = training_due(new)
        assert (after.rule, after.outcomes, after.rows) == (None, 0, 0)
        clean_database()


def test_the_spec_says_how_many(tmp_path: Path) -> None:
    assert (leads().retrain.new_outcomes, leads().retrain.drift_rows) == (1000, 300)
    made = changed_leads(tmp_path, lambda raw: raw.update(retrain={"drift_rows": 500}))
    assert made.retrain == Retrain(new_outcomes=200, drift_rows=500)
