"""Which leads become training rows at which age, with which label and weight; and what the holdout purges."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pandas as pd
import pytest
from event_support import (
    BEGIN,
    DAY,
    SECOND,
    Crm,
    activity,
    empty_crm,
    leads,
    outcome,
    version,
)
from support import key, query

from leadmill.features.history import training_frame
from leadmill.features.training_rows import entity_rows_sql
from leadmill.study.data import read_study_data
from leadmill.training.split import temporal_holdout

OPEN, LAST_SECOND, TOO_LATE, AT_AGE, RECORDED_LATER, DELETED, DELETED_LATER = range(1, 8)
WON_AND_DELETED, REOPENED, LOST, UNDECLARED, TWICE, SLOW = range(8, 14)
HORIZON, LAG = timedelta(days=30), timedelta(days=7)
END = BEGIN + 60 * DAY
Answers = dict[int, tuple[int, float]]


@pytest.fixture(scope="module")
def crm(postgres: dict[str, str]) -> Iterator[Crm]:
    """Leads recorded first at BEGIN, and how they ended; all in one window."""
    with empty_crm(postgres) as crm:
        for number in range(1, 14):
            crm.add(activity(number, "email_opened", BEGIN) if number == UNDECLARED else version(number, BEGIN))
        crm.run(
            outcome(LAST_SECOND, "won", BEGIN + DAY + HORIZON),
            outcome(TOO_LATE, "won", BEGIN + DAY + HORIZON + SECOND),
            outcome(AT_AGE, "won", BEGIN + 7 * DAY, BEGIN + 8 * DAY),
            outcome(RECORDED_LATER, "won", BEGIN + 6 * DAY, BEGIN + 9 * DAY),
            version(DELETED, BEGIN + 10 * DAY, submitted_at=BEGIN, deleted=True),
            version(DELETED_LATER, BEGIN + 40 * DAY, submitted_at=BEGIN, deleted=True),
            outcome(WON_AND_DELETED, "won", BEGIN + 5 * DAY),
            version(WON_AND_DELETED, BEGIN + 6 * DAY, submitted_at=BEGIN, deleted=True),
            outcome(REOPENED, "lost", BEGIN + 2 * DAY),
            outcome(REOPENED, "reopened", BEGIN + 5 * DAY),
            outcome(REOPENED, "won", BEGIN + 20 * DAY),
            outcome(LOST, "lost", BEGIN + 3 * DAY),
            version(UNDECLARED, BEGIN + 2 * DAY),
            # Both are recorded at one time, and the later in the lead's life is written first.
            outcome(TWICE, "reopened", BEGIN + 3 * DAY, BEGIN + 4 * DAY),
            outcome(TWICE, "lost", BEGIN + 2 * DAY, BEGIN + 4 * DAY),
            outcome(SLOW, "won", BEGIN + DAY + HORIZON, BEGIN + DAY + HORIZON + LAG),
            until=END,
        )
        yield crm


def rows(cutoff: datetime = END) -> dict[int, Answers]:
    """Lead -> age in days -> (label, 1 / weight)."""
    found: dict[int, Answers] = {}
    for row in query(entity_rows_sql(leads(), cutoff)):
        assert row["as_of"] == row["event_timestamp"]
        number = int(row["lead_id"][-12:], 16)
        found.setdefault(number, {})[(row["as_of"] - BEGIN) // DAY] = (row["label"], round(1 / row["weight"], 9))
    return found


def test_the_declared_ages_and_delays() -> None:
    use_case = leads()
    assert (use_case.as_of, use_case.label.matures_after) == ((DAY, 7 * DAY, 14 * DAY), HORIZON + LAG)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (OPEN, {1: 0, 7: 0, 14: 0}),
        # The horizon's last second counts, the one after it does not.
        (LAST_SECOND, {1: 1, 7: 1, 14: 1}),
        (TOO_LATE, {1: 0, 7: 1, 14: 1}),
        # What happened at the age or before it closes the lead, whenever that was recorded.
        (AT_AGE, {1: 1}),
        (RECORDED_LATER, {1: 1}),
        # Nobody knows how a deleted lead would have ended; where the horizon had passed, it had not been won.
        (DELETED, {}),
        (DELETED_LATER, {1: 0, 7: 0}),
        (WON_AND_DELETED, {1: 1}),
        (REOPENED, {1: 1, 7: 1, 14: 1}),
        (LOST, {1: 0}),
        # No version, no features.
        (UNDECLARED, {7: 0, 14: 0}),
        (TWICE, {1: 0, 7: 0, 14: 0}),
        (SLOW, {1: 1, 7: 1, 14: 1}),
    ],
)
def test_labels(crm: Crm, number: int, expected: dict[int, int]) -> None:
    assert {age: label for age, (label, _) in rows().get(number, {}).items()} == expected


def test_weights_count_the_ages_that_matured_and_not_the_rows(crm: Crm) -> None:
    """Closing early must not make a lead's rows heavier: those that are won close early."""
    assert {weight for answers in rows().values() for _, weight in answers.values()} == {3}
    after_two_ages = BEGIN + 7 * DAY + HORIZON + LAG
    assert {weight for answers in rows(after_two_ages).values() for _, weight in answers.values()} == {2}


def test_both_classes_enter_at_the_second_at_which_the_label_is_certain(crm: Crm) -> None:
    certain = BEGIN + DAY + HORIZON + LAG
    assert rows(certain - SECOND) == {}
    labels = {number: answers[1][0] for number, answers in rows(certain).items()}
    assert set(labels) == set(range(1, 14)) - {DELETED, UNDECLARED}
    # Recorded in that very second, as late as the lag allows.
    assert labels[SLOW] == 1
    assert {age for answers in rows(certain).values() for age in answers} == {1}


def test_an_outcome_that_was_not_recorded_by_the_cutoff_is_not_known(crm: Crm) -> None:
    cutoff = BEGIN + 14 * DAY + HORIZON + LAG
    assert rows(cutoff)[OPEN].keys() == {1, 7, 14}
    assert rows(cutoff)[DELETED_LATER].keys() == {1, 7}


def test_the_features_are_those_of_the_age(crm: Crm) -> None:
    """One load brings the whole history at once; each row still reads what was known at its age."""
    frame = training_frame(leads())
    found = frame[frame["lead_id"] == key(OPEN)]
    assert found["age_days"].tolist() == [1, 7, 14]
    assert (found["as_of"] == [pd.Timestamp(BEGIN + age) for age in leads().as_of]).all()
    undeclared = frame[frame["lead_id"] == key(UNDECLARED)]
    assert undeclared["activities_7d"].tolist() == [0, 0]
    assert undeclared["emails_opened_30d"].tolist() == [1, 1]
    assert frame[["as_of", "lead_id"]].equals(frame[["as_of", "lead_id"]].sort_values(["as_of", "lead_id"]))


def test_the_holdout_purges_what_matured_after_it_began() -> None:
    """Horizon and lag count: a label is certain only 37 days after the row."""
    days = pd.Timestamp(BEGIN) + pd.to_timedelta(range(100), unit="D")
    frame = pd.DataFrame({"lead_id": [key(number) for number in range(100)], "as_of": days, "label": 0})
    split = temporal_holdout(leads(), frame)
    assert split.begins == days[80]
    assert split.holdout.tolist() == list(range(80, 100))
    assert split.train.tolist() == list(range(80 - 37))
    # A lead with a row in the holdout teaches nothing, at whatever age.
    frame.loc[5, "lead_id"] = frame.loc[90, "lead_id"]
    again = temporal_holdout(leads(), frame)
    assert set(split.train) - set(again.train) == {5}


def test_a_study_knows_outcomes_as_far_as_they_were_read(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ETL that lags has not read how the newest leads ended: they are no negatives."""
    monkeypatch.setattr("leadmill.study.data.study_data", lambda use_case, frame, moment, rejected: (frame, moment))
    crm.move_clock(END + 30 * DAY)
    try:
        frame, moment = read_study_data(leads())
    finally:
        crm.move_clock(END + leads().source.safety_lag)
    assert moment == END
    pd.testing.assert_frame_equal(frame, training_frame(leads(), END))
