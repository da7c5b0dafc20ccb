"""The same activity, however it is delivered, gives the same features, online values and scores.

Delivered at once; in 30 windows; at once and physically shuffled; with everything of a lead's first day recorded in
another order than it happened, in three windows; and with every row sent again, exactly and recorded later, in three
windows. Disorder stays within the first day: imputers learn from a lead as it was known a day after its first fact,
so what is recorded only after that teaches them other things, as it should.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from added_support import forget_models
from event_support import (
    BEGIN,
    DAY,
    HOUR,
    SECOND,
    Crm,
    Fact,
    activity,
    changed_leads,
    empty_crm,
    outcome,
    unbalanced_windows,
    version,
    visit,
)
from support import clean_database, query

from leadmill.features.materialize import materialize
from leadmill.features.online import lookup
from leadmill.registry.begin import begin_training
from leadmill.registry.evaluate import evaluate
from leadmill.registry.fit import fit
from leadmill.registry.gate import gate
from leadmill.registry.promote import promote
from leadmill.scoring.batch import plan, score_chunk
from leadmill.scoring.publish import publish_scores
from leadmill.spec import UseCase
from leadmill.storage.ddl import feature_columns
from leadmill.storage.frames import read_frame

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    # Raised inside Feast and MLflow, not ours to mend.
    pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]

LEADS = 760
END = BEGIN + 12 * DAY
KINDS = ("email_opened", "email_link_clicked", "form_submitted", "chat", "phone_conversation", "sms_sent")


@dataclass(frozen=True)
class Outcome:
    """What one delivery left: newest features, online values and scores by lead, and the imputers."""

    windows: int
    latest: pd.DataFrame
    online: pd.DataFrame
    scores: pd.DataFrame
    imputers: list[dict[str, Any]]


def facts() -> list[Fact]:
    """Twelve days of the CRM, each fact recorded when it happened: visits win leads."""
    random, found = Random(11), []
    for number in range(LEADS):
        first = BEGIN + int(random.random() * 8 * 86_400) * SECOND
        keen = random.random() < 0.4
        found.append(_version(random, number, first))
        at = first
        for _ in range(random.randrange(2, 5) + 4 * keen):
            at += random.randrange(60, 4 * 3600) * SECOND
            if at < END:
                found.append(_act(random, number, at, keen))
        found += _ending(random, number, first, keen)
    return [fact for fact in found if fact.recorded_at <= END]


def _version(random: Random, number: int, at: datetime, **changes: object) -> Fact:
    starts = date(2031, 1, 1) if random.random() < 0.04 else date(2026, 4, 1) + random.randrange(90) * DAY
    drawn = {
        "source": random.choice(["Google", "Direct Traffic", "Olark Chat", "Select"]),
        "occupation": random.choice(["Student", "Unemployed", "Working Professional", None]),
        "city": random.choice(["Mumbai", "Thane & Outskirts", None]),
        "activity_index": random.choice(["01.High", "02.Medium", "03.Low", None]),
        "profile_index": random.choice(["01.High", "02.Medium", "03.Low", None]),
        "effective_start_date": None if random.random() < 0.2 else starts,
    }
    return version(number, at, **(drawn | changes))


def _act(random: Random, number: int, at: datetime, keen: bool) -> Fact:
    if random.random() < (0.7 if keen else 0.2):
        # Berlin is an hour ahead of UTC in these weeks.
        return visit(number, (at + HOUR).replace(tzinfo=None), at, random.randrange(1, 9), random.randrange(5, 900))
    return activity(number, random.choice(KINDS), at)


def _ending(random: Random, number: int, first: datetime, keen: bool) -> list[Fact]:
    at = first + int((1.2 + 2.3 * random.random()) * 86_400) * SECOND
    luck = random.random()
    if luck < (0.7 if keen else 0.1):
        return [outcome(number, "won", at)]
    if luck > 0.95:
        # Not one with which features that were good are refused: of a lead without good newest features the last good
        # ones stay, and which those are depends on how often it was looked at.
        return [_version(random, number, at, submitted_at=first, deleted=True, effective_start_date=None)]
    if luck > 0.8:
        again = [outcome(number, "reopened", at + 9 * HOUR)] if luck > 0.9 else []
        return [outcome(number, "lost", at), *again]
    return [activity(number, "phone_conversation", at)]


def out_of_order(given: list[Fact]) -> list[Fact]:
    """Each lead's first day recorded backwards, after the first fact; nothing before it happened."""
    by_lead: dict[str, list[Fact]] = {}
    for fact in given:
        by_lead.setdefault(fact["lead_id"], []).append(fact)
    found = []
    for told in by_lead.values():
        first = min(fact.recorded_at for fact in told)
        early = [fact for fact in told if first < fact.recorded_at < first + 23 * HOUR]
        late = [fact for fact in told if fact not in early]
        found += late + [
            fact.again(first + 23 * HOUR + (len(early) - at) * 60 * SECOND) for at, fact in enumerate(early)
        ]
    return found


def sent_again(given: list[Fact]) -> list[Fact]:
    """Every row once more as it is, and once more recorded some hours later."""
    later = [fact.again(min(fact.recorded_at + 6 * HOUR, END)) for fact in given]
    return [*given, *given, *later]


def shuffled(given: list[Fact]) -> list[Fact]:
    return Random(5).sample(given, len(given))


# Name -> what is made of the facts, and in how many windows it is read.
DELIVERIES: dict[str, tuple[Callable[[list[Fact]], list[Fact]], int]] = {
    "at once": (list, 1),
    "30 windows": (list, 30),
    "shuffled": (shuffled, 1),
    "out of order": (lambda given: shuffled(out_of_order(given)), 3),
    "twice": (lambda given: shuffled(sent_again(given)), 3),
}
OTHERS = [name for name in DELIVERIES if name != "at once"]


@pytest.fixture(scope="module")
def use_case(tmp_path_factory: pytest.TempPathFactory) -> UseCase:
    def edit(raw: dict[str, Any]) -> None:
        # What is delivered out of order is told within a lead's first day: before the imputers learn from it.
        raw["as_of"] = ["1d", "7d", "14d"]
        raw["label"] |= {"horizon": "3d", "lag": "1d"}
        raw["model"]["candidates"] = ["logistic_regression"]
        raw["gate"] |= {"min_rows": 100, "min_positives": 20}

    return changed_leads(tmp_path_factory.mktemp("use_cases"), edit)


@pytest.fixture(scope="module")
def delivered(postgres: dict[str, str], use_case: UseCase) -> Iterator[dict[str, Outcome]]:
    """What each delivery left. The model is trained after the first; its version scores them all."""
    given = facts()
    found = {}
    with empty_crm(postgres) as crm:
        for name, (arranged, windows) in DELIVERIES.items():
            # What serves was trained on the first delivery.
            clean_database(spared=("ops.models",))
            crm.create()
            found[name] = _delivered(crm, use_case, arranged(given), windows, train=not found)
        yield found
    forget_models()


def _delivered(crm: Crm, use_case: UseCase, arrivals: list[Fact], windows: int, train: bool) -> Outcome:
    since = datetime.min.replace(tzinfo=BEGIN.tzinfo)
    for step in range(1, windows + 1):
        until = BEGIN + (END - BEGIN) / windows * step
        crm.run(*[fact for fact in arrivals if since < fact.recorded_at <= until], until=until, use_case=use_case)
        since = until
    materialize(use_case)
    if train:
        run_id = begin_training(use_case, "train", "a test")
        fit(use_case, run_id)
        evaluate(use_case, run_id)
        assert gate(use_case, run_id, "tester").passed
        promote(use_case, run_id, "tester")
    chunks = plan(use_case, "score", 300)
    publish_scores(use_case, "score", sum(score_chunk(use_case, "score", chunk) for chunk in chunks))
    assert unbalanced_windows() == []
    latest = read_frame("SELECT * FROM features.leads_latest ORDER BY lead_id")
    return Outcome(
        windows=query("SELECT count(*) AS n FROM ops.windows")[0]["n"],
        latest=latest,
        online=lookup(use_case, latest["lead_id"].tolist()).sort_values("lead_id", ignore_index=True),
        scores=read_frame("SELECT * FROM scores.leads ORDER BY lead_id"),
        imputers=query("SELECT version, fitted_through, rows FROM ops.imputers ORDER BY version"),
    )


def same(found: pd.DataFrame, wanted: pd.DataFrame, columns: list[str]) -> None:
    """Equal values; what an imputer computed may differ in its last bits, as sums of other lengths do."""
    pd.testing.assert_frame_equal(found[columns], wanted[columns], check_exact=False, rtol=1e-9, atol=1e-9)


def test_the_world_is_one_in_which_imputers_learn(delivered: dict[str, Outcome]) -> None:
    once = delivered["at once"]
    assert (once.windows, delivered["30 windows"].windows) == (1, 30)
    assert [imputer["version"] for imputer in once.imputers] == [1]
    learned = once.latest[once.latest["imputer_version"] == 1]
    assert len(once.latest) > LEADS * 0.95
    for column in ("days_to_start", "activity_index", "profile_index"):
        filled = learned[learned[f"{column}_missing"]]
        assert len(filled) > 10
    assert learned.loc[learned["days_to_start_missing"], "days_to_start"].nunique() > 10
    assert query("SELECT count(*) AS n FROM rejected.leads WHERE suite = 'features'")[0]["n"] > 20
    assert len(np.unique(once.scores["probability"])) > 100


@pytest.mark.parametrize("name", OTHERS)
def test_the_imputers_are_the_same(delivered: dict[str, Outcome], name: str) -> None:
    assert delivered[name].imputers == delivered["at once"].imputers


@pytest.mark.parametrize("name", OTHERS)
def test_the_newest_features_are_the_same(delivered: dict[str, Outcome], use_case: UseCase, name: str) -> None:
    """Their event times need not be: in more windows, more midnights are looked at."""
    columns = ["lead_id", "imputer_version", "content_hash", *(column.name for column in feature_columns(use_case))]
    same(delivered[name].latest, delivered["at once"].latest, columns)


@pytest.mark.parametrize("name", DELIVERIES)
def test_the_online_values_are_the_same(delivered: dict[str, Outcome], use_case: UseCase, name: str) -> None:
    columns = ["lead_id", *(column.name for column in feature_columns(use_case))]
    online = delivered[name].online
    same(online, delivered["at once"].online, columns)
    # And they are the newest stored ones, to the bit.
    own = delivered[name].latest[columns]
    pd.testing.assert_frame_equal(online[columns], own, check_exact=True, check_dtype=False)


@pytest.mark.parametrize("name", OTHERS)
def test_the_scores_are_the_same(delivered: dict[str, Outcome], name: str) -> None:
    columns = ["lead_id", "lead_score", "probability", "band", "percentile", "status", "model_version"]
    same(delivered[name].scores, delivered["at once"].scores, columns)


def test_closed_leads_have_no_score_and_the_others_one_each(delivered: dict[str, Outcome]) -> None:
    once = delivered["at once"]
    assert 200 < len(once.scores) < len(once.latest) - 200
    assert set(once.scores["status"]) <= {"fresh", "stale"}
