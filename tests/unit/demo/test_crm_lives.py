"""Drawn lives follow the world's rules, and are the same for the same seed."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from leadmill.demo.crm import world as constants
from leadmill.demo.crm.arrivals import arrivals
from leadmill.demo.crm.draws import Lives, draw_lives
from leadmill.demo.crm.tables import ATTRIBUTES, DAY, FILLABLE, KINDS, LEVELS, NEVER, tables
from leadmill.demo.crm.words import MISSING
from leadmill.demo.crm.world import DRIFTED, REGULAR, WORLDS, World

BEGIN = datetime(2025, 6, 1, tzinfo=UTC)
SIZE = 30_000


def drawn(seed: int = 7, world: World = REGULAR, size: int = SIZE) -> Lives:
    random = np.random.default_rng(seed)
    return draw_lives(random, tables(world), arrivals(random, size, BEGIN, BEGIN + timedelta(days=365)))


@pytest.fixture(scope="module")
def lives() -> Lives:
    return drawn()


def test_same_seed_same_lives_and_another_seed_others(lives: Lives) -> None:
    again, other = drawn(), drawn(seed=8)
    assert np.array_equal(lives.events.occurred, again.events.occurred)
    assert np.array_equal(lives.leads.codes, again.leads.codes)
    assert np.array_equal(lives.leads.closed, again.leads.closed)
    assert not np.array_equal(lives.leads.closed, other.leads.closed)


def test_nobody_closes_on_the_first_day_or_after_the_last_and_nothing_happens_afterwards(lives: Lives) -> None:
    leads, events = lives.leads, lives.events
    age = (leads.closed - leads.submitted)[leads.closed < NEVER] / DAY
    assert age.min() >= constants.QUIET_DAYS
    assert age.max() <= constants.LAST_DAY
    assert 14 < age.mean() < 24
    assert (events.occurred < np.minimum(leads.closed, leads.deleted)[events.lead]).all()
    assert (events.occurred >= leads.submitted[events.lead]).all()
    assert (np.diff(events.lead) >= 0).all()


def test_facts_are_recorded_after_they_happen_and_outcomes_within_a_week(lives: Lives) -> None:
    leads, events = lives.leads, lives.events
    assert (events.recorded >= events.occurred).all()
    assert (leads.recorded >= leads.submitted).all()
    delay = (lives.closed_recorded - leads.closed)[leads.closed < NEVER] / DAY
    assert delay.min() >= 0
    assert delay.max() < 7
    assert delay.mean() == pytest.approx(constants.OUTCOME_DAYS, rel=0.1)
    hours = (events.recorded - events.occurred) / 3600
    assert 0.02 < (hours > 3).mean() < 0.05
    assert np.median(hours) < 0.2


def test_only_gaps_are_filled_in_and_only_lost_leads_reopen(lives: Lives) -> None:
    assert lives.leads.missing[lives.filled_at < NEVER].any(axis=1).all()
    assert (lives.leads.filled >= lives.filled_at).all()
    assert not lives.won[lives.reopened < NEVER].any()
    assert (lives.reopened > lives.leads.closed)[lives.reopened < NEVER].all()
    lost = (lives.leads.closed < NEVER) & ~lives.won
    assert (lives.reopened < NEVER).sum() / lost.sum() == pytest.approx(constants.REOPENED_SHARE, abs=0.003)
    deleted = (lives.leads.deleted < NEVER).mean()
    assert 0.001 < deleted < constants.DELETED_SHARE


def test_hot_leads_win_do_more_and_leave_fewer_gaps(lives: Lives) -> None:
    by_class = [lives.intent == z for z in range(3)]
    events = np.bincount(lives.events.lead, minlength=SIZE)
    for figures in (
        [lives.won[rows].mean() for rows in by_class],
        [events[rows].mean() for rows in by_class],
        [1 - lives.leads.missing[rows].mean() for rows in by_class],
    ):
        assert figures[0] < figures[1] < figures[2]
    assert 6 < events.mean() < 10


def test_mail_is_hushed_where_the_lead_wants_none(lives: Lives) -> None:
    mails = np.bincount(lives.events.lead[lives.events.kind == KINDS.index("email_opened")], minlength=SIZE)
    unwilling = lives.leads.column("do_not_email") == LEVELS["do_not_email"].index("Yes")
    assert mails[unwilling].mean() < 0.3 * mails[~unwilling].mean()


def test_drift_changes_the_mix_the_gaps_the_activity_and_the_conversion() -> None:
    regular, drifted = drawn(), drawn(world=DRIFTED)

    def imported(lives: Lives) -> float:
        return float((lives.leads.column("origin") == LEVELS["origin"].index("Lead Import")).mean())

    occupation = FILLABLE.index("occupation")
    assert 0.16 < imported(drifted) - imported(regular) < 0.21
    assert drifted.leads.missing[:, occupation].mean() > regular.leads.missing[:, occupation].mean() + 0.2
    hot = (regular.intent == 2, drifted.intent == 2)
    assert 0.07 < regular.won[hot[0]].mean() - drifted.won[hot[1]].mean() < 0.11
    assert 0.26 < len(drifted.events.kind) / len(regular.events.kind) < 0.3

    def won(lives: Lives, origin: str) -> float:
        return float(lives.won[lives.leads.column("origin") == LEVELS["origin"].index(origin)].mean())

    # Where they come from says most about them now, and hardly anything before.
    bought = ("Lead Import", "Quick Add Form")
    assert [won(drifted, origin) for origin in bought] == pytest.approx([0.54, 0.05], abs=0.03)
    assert [won(regular, origin) for origin in bought] == pytest.approx([0.22, 0.22], abs=0.06)


@pytest.mark.parametrize("world", WORLDS)
def test_a_world_is_made_of_probabilities(world: World) -> None:
    assert sum(world.classes) == pytest.approx(1)
    assert tuple(attribute.name for attribute in world.attributes) == ATTRIBUTES
    for attribute, known in zip(world.attributes, REGULAR.attributes, strict=True):
        assert [list(shares) for shares in attribute.shares.values()] == [list(s) for s in known.shares.values()]
        table = tables(world).probability[attribute.name]
        assert np.allclose(table.sum(axis=2), 1)
        assert not (attribute.missing and MISSING in LEVELS[attribute.name])


def test_arrivals_are_ordered_within_the_bounds_and_fewer_at_night_and_at_weekends() -> None:
    end = BEGIN + timedelta(days=70, hours=5)
    moments = arrivals(np.random.default_rng(7), 20_000, BEGIN, end)
    assert (np.diff(moments) >= 0).all()
    assert BEGIN.timestamp() <= moments[0]
    assert moments[-1] <= end.timestamp()
    hour, day = moments // 3600 % 24, (moments // DAY + 3) % 7
    assert (hour == 10).sum() > 4 * (hour == 2).sum()
    assert (day < 5).sum() / 5 > 1.4 * (day >= 5).sum() / 2
    assert len(arrivals(np.random.default_rng(7), 0, BEGIN, end)) == 0
