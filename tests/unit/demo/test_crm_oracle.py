"""The oracle's probabilities are the true ones: they come true as often as they say, and nothing known beats them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from leadmill.demo.crm import posterior, world as constants
from leadmill.demo.crm.arrivals import arrivals
from leadmill.demo.crm.draws import Lives, draw_lives
from leadmill.demo.crm.posterior import Asked
from leadmill.demo.crm.tables import ATTRIBUTES, DAY, FILLABLE, KINDS, NEVER, tables
from leadmill.demo.crm.world import DRIFTED, HORIZON_DAYS, REGULAR, World

BEGIN = datetime(2025, 6, 1, tzinfo=UTC)


def drawn(seed: int, size: int, world: World = REGULAR) -> Lives:
    random = np.random.default_rng(seed)
    return draw_lives(random, tables(world), arrivals(random, size, BEGIN, BEGIN + timedelta(days=365)))


def asked(lives: Lives, ages: tuple[float, ...]) -> Asked:
    """All leads at these ages (days since they were recorded) while there is an answer."""
    lead = np.tile(np.arange(len(lives.leads)), len(ages))
    as_of = lives.leads.recorded[lead] + np.repeat(np.rint(np.array(ages) * DAY), len(lives.leads)).astype(np.int64)
    fit = posterior.answerable(lives.leads, Asked(lead, as_of))
    return Asked(lead[fit], as_of[fit])


def won(lives: Lives, question: Asked) -> np.ndarray:
    """Whether it came true; of those that were deleted first, what would have."""
    closed = lives.leads.closed[question.lead]
    return lives.won[question.lead] & (closed <= question.as_of + int(HORIZON_DAYS * DAY))


@pytest.mark.parametrize("world", [REGULAR, DRIFTED], ids=["regular", "drifted"])
@pytest.mark.parametrize("age", [0.2, 1.0, 7.0, 14.0, 45.0, 100.0])
def test_what_has_probability_p_comes_true_in_p_of_the_cases(world: World, age: float) -> None:
    lives = drawn(11, 60_000, world)
    question = asked(lives, (age,))
    probability = posterior.probabilities(tables(world), lives.leads, lives.events, question)
    truth = won(lives, question)
    for rows in np.array_split(np.argsort(probability), 10):
        expected = probability[rows]
        deviation = np.sqrt((expected * (1 - expected)).sum()) / len(rows)
        assert abs(truth[rows].mean() - expected.mean()) < 4 * deviation + 1e-9


def test_calibrated_also_among_leads_with_something_special() -> None:
    lives = drawn(12, 80_000)
    leads, events = lives.leads, lives.events
    question = asked(lives, (0.3, 1.0, 7.0))
    probability = posterior.probabilities(tables(REGULAR), leads, events, question)
    truth = won(lives, question)
    row, event = posterior.recorded_events(events, question, len(leads))
    hours = (events.recorded - events.occurred)[event] / 3600
    form = events.kind[event] == KINDS.index("form_submitted")
    missing = leads.missing[question.lead, FILLABLE.index("occupation")]
    filled = leads.filled[question.lead] <= question.as_of
    groups = {
        "something came late": np.bincount(row[hours > 3], minlength=len(truth)) > 0,
        "two forms": np.bincount(row[form], minlength=len(truth)) > 1,
        "occupation filled in": missing & filled,
        "occupation unknown": missing & ~filled,
        "no mail": leads.column("do_not_email")[question.lead] > 0,
        "recorded late": leads.recorded[question.lead] - leads.submitted[question.lead] > 7200,
    }
    for name, rows in groups.items():
        expected = probability[rows]
        # The same lead at three ages is one lead.
        deviation = np.sqrt(3 * (expected * (1 - expected)).sum()) / len(expected)
        assert rows.sum() > 1000, name
        assert abs(truth[rows].mean() - expected.mean()) < 4 * deviation, name


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_auc_over_training_rows_leaves_room_and_beats_every_single_feature(seed: int) -> None:
    lives = drawn(seed, 20_000)
    leads, events = lives.leads, lives.events
    question = asked(lives, (1.0, 7.0, 14.0))
    truth = won(lives, question)
    probability = posterior.probabilities(tables(REGULAR), leads, events, question)
    auc = roc_auc_score(truth, probability)
    assert 0.80 < auc < 0.88
    assert 0.15 < truth.mean() < 0.30
    row, event = posterior.recorded_events(events, question, len(leads))
    size = len(question.lead)
    single = {
        f"number of {kind}": np.bincount(row[events.kind[event] == at], minlength=size) for at, kind in enumerate(KINDS)
    }
    single["activities"] = np.bincount(row, minlength=size)
    single["seconds"] = np.bincount(row, weights=events.seconds[event], minlength=size)
    single["age"] = question.as_of - leads.submitted[question.lead]
    for at, name in enumerate((*ATTRIBUTES, "days to start")):
        code = leads.codes[question.lead, at]
        shares = np.bincount(code + 1, weights=truth) / np.maximum(np.bincount(code + 1), 1)
        single[name] = shares[code + 1]
    assert max(roc_auc_score(truth, values) for values in single.values()) < auc - 0.08


def test_expected_number_ofrecorded_events_is_the_integral_over_their_delays() -> None:
    figures = tables(REGULAR)
    for age in (0.1, 1.0, 9.0):
        found = posterior.recorded_by(figures, np.array([age]))[0]
        grid = np.linspace(0, age, 400_001)
        middle = (grid[1:] + grid[:-1]) / 2
        late = constants.LATE_SHARE
        recorded = 1 - (1 - late) * np.exp(-(age - middle) / constants.PROMPT_DAYS)
        recorded -= late * np.exp(-(age - middle) / constants.LATE_DAYS)
        for at, kind in enumerate(REGULAR.kinds):
            for z in range(3):
                rate = kind.expected[z] / kind.fade[z] * np.exp(-middle / kind.fade[z])
                assert found[at, z] == pytest.approx((rate * recorded).sum() * (grid[1] - grid[0]), rel=1e-4)


def test_what_is_recorded_later_changes_nothing() -> None:
    lives = drawn(13, 2000)
    question = asked(lives, (1.0, 7.0))
    figures = tables(REGULAR)
    answers = posterior.probabilities(figures, lives.leads, lives.events, question)
    last = np.full(len(lives.leads), -1)
    np.maximum.at(last, question.lead, question.as_of)
    known = lives.events.where(lives.events.recorded <= last[lives.events.lead])
    assert len(known) < len(lives.events)
    assert np.array_equal(posterior.probabilities(figures, lives.leads, known, question), answers)


def test_no_answer_before_the_lead_is_recorded_nor_once_it_is_closed_or_deleted() -> None:
    lives = drawn(14, 5000)
    leads = lives.leads
    everyone = np.arange(len(leads))
    assert not posterior.answerable(leads, Asked(everyone, leads.recorded - 1)).any()
    assert posterior.answerable(leads, Asked(everyone, leads.recorded)).mean() > 0.99
    for ends in (leads.closed, leads.deleted):
        ended = np.flatnonzero(ends < NEVER)
        assert len(ended)
        assert not posterior.answerable(leads, Asked(ended, ends[ended])).any()
