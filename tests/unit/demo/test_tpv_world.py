"""The simulated merchants: the same days from the same seeds, figures written in time, an oracle that is right."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow.compute as pc

from leadmill.demo.tpv import books
from leadmill.demo.tpv.oracle import DRAWS, HORIZON_DAYS, _drawn
from leadmill.demo.tpv.replay import Day, Run, replay
from leadmill.demo.tpv.world import SEGMENTS, draw_merchants, expected_volumes, first_state

END = datetime(2026, 6, 1, 6, tzinfo=UTC)
LOAD = Run(merchants=60, days=120, seed=3, drift=False, clock=END)


def total(days: list[Day]) -> int:
    return sum(int(one.volume.sum()) for one in days)


def test_a_later_step_changes_no_earlier_day() -> None:
    before = list(replay([LOAD]))
    after = list(replay([LOAD, Run(4, 10, 5, False, END + timedelta(days=10))]))
    assert len(before) == 120
    assert len(after) == 130
    for one, again in zip(before, after, strict=False):
        assert np.array_equal(one.volume, again.volume)
    assert len(after[-1].merchants) == 64
    assert total(list(replay([Run(60, 120, 4, False, END)]))) != total(before)


def test_drift_takes_volume_from_everyone() -> None:
    usual, falling = (list(replay([LOAD, Run(0, 60, 5, drift, END + timedelta(days=60))])) for drift in (False, True))
    assert total(falling[-20:]) < 0.8 * total(usual[-20:])


def test_hotels_at_the_coast_live_by_the_summer_and_fashion_is_closed_on_sundays() -> None:
    random = np.random.default_rng(1)
    everyone = draw_merchants(random, np.full(500, date(2024, 1, 1).toordinal()), np.zeros(500, dtype=bool))
    state = first_state(random, 500)
    july, january = (expected_volumes(everyone, state, date(2025, month, 17).toordinal()) for month in (7, 1))
    coast = (everyone.segment == SEGMENTS.index("hotel")) & (everyone.region == 2)
    assert july[coast].mean() > 3 * january[coast].mean()
    sunday = expected_volumes(everyone, state, date(2025, 7, 20).toordinal())
    assert (sunday[everyone.segment == SEGMENTS.index("fashion")] == 0).all()


def test_everything_that_counts_is_written_within_the_lag_and_the_last_figure_of_a_day_is_the_true_one() -> None:
    days = list(replay([LOAD]))
    written = books.rows(days)
    daily = written["daily_volumes"].to_pandas()
    ended = daily["day"].map(lambda day: datetime.combine(day, datetime.min.time()) + timedelta(days=1))
    sound = daily[daily["merchant_id"].str.fullmatch(r"M\d+") & (daily["transactions"] >= 0)].assign(ended=ended)
    first = sound.drop_duplicates(["merchant_id", "day", "transactions", "volume"])
    first = first[first["ended"] < first["recorded_at"]]
    assert (first["recorded_at"] - first["ended"]).max() < timedelta(days=3)
    newest = first.groupby(["merchant_id", "day"])["volume"].last()
    assert newest.sum() == total(days)
    assert len(newest) == sum(int(one.open.sum()) for one in days)
    corrected = first.groupby(["merchant_id", "day"]).size().gt(1)
    assert 0 < corrected.mean() < 0.01
    left = pc.sum(pc.equal(written["merchants"]["status"], "closed")).as_py()
    assert left == int(days[-1].state.gone.sum())


def test_the_oracle_draws_the_future_that_comes() -> None:
    run = Run(400, 60, 11, False, END)
    days = list(replay([run]))
    asked = days[-HORIZON_DAYS - 1]
    who = np.flatnonzero(asked.open)
    drawn = _drawn(asked, who)
    truth = sum((one.volume for one in days[-HORIZON_DAYS:]), np.zeros(400, dtype=np.int64))[who]
    assert drawn.shape == (len(who), DRAWS)
    below = (drawn < truth[:, None]).mean(axis=1)
    inside = ((below > 0.1) & (below < 0.9)).mean()
    # The share that an interval of 80 % holds, give or take three standard deviations.
    assert abs(inside - 0.8) < 3 * np.sqrt(0.16 / len(who))
    assert abs(drawn.mean() / truth.mean() - 1) < 0.05
