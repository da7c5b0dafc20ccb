"""Invariant 1 for `tpv`: features and sums on random histories against plain Python, over what was recorded by then.

The histories have figures that come late, twice, corrected, two at one time, and visible only to a later window;
merchants of which a day is missing, that close, and of which nothing but a profile is known.
"""

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from support import Row, query
from tpv_support import DAY, MINUTE, Acquirer, Fact, Figure, Profile, acquirer, before_filling, features_at

from tpv_support import known_figures, tpv  # isort: skip

from leadmill.features.history import training_frame

__all__ = ["acquirer"]

END = datetime(2026, 5, 20, 9, tzinfo=UTC)
ENDS = (END - 60 * DAY, END - 2 * DAY, END)
MERCHANTS = 12


def story(random: Random, number: int) -> list[Fact]:
    """Everything about one merchant, in no order."""
    name = f"M{number:03d}"
    since = (END - random.randrange(20, 560) * DAY).date()
    begin = datetime.combine(since, datetime.min.time(), UTC) + random.randrange(1440) * MINUTE
    look = (random.choice(["hotel", "fashion", None]), random.choice(["coast", None]), since - 30 * DAY)
    told: list[Fact] = [Profile(name, begin, begin, *look)]
    left = since + random.randrange(100, 700) * DAY
    if number == 0:
        return told
    for offset in range(min((END.date() - since).days, (left - since).days)):
        if random.random() < 0.05:
            continue
        told += _figures(random, name, since + offset * DAY)
    if left < END.date():
        closed = datetime.combine(left, datetime.min.time(), UTC) + 12 * 60 * MINUTE
        told.append(Profile(name, closed, closed + random.randrange(3000) * MINUTE, *look, "closed"))
    return told


def _figures(random: Random, name: str, day: date) -> list[Fact]:
    recorded = datetime.combine(day, datetime.min.time(), UTC) + DAY
    recorded += random.choice([0, 60, 60, 120, 120, 30 * 60]) * MINUTE
    count = random.choice([0, random.randrange(1, 40)])
    one = Figure(name, day, recorded, count, count * random.randrange(5, 90))
    told: list[Fact] = [one]
    if random.random() < 0.1:
        again = random.choice([0, 0, 60, 600, 4000]) * MINUTE
        told.append(Figure(name, day, recorded + again, count, one.volume + random.choice([0, 0, 500])))
    return told


def visible_from(random: Random, fact: Fact) -> int:
    """The first window that ends after the fact, or the next where it becomes visible late."""
    first = sum(fact.recorded_at > end for end in ENDS)
    late = first + 1 < len(ENDS) and ENDS[first] - fact.recorded_at < tpv().source.overlap
    return first + int(late and random.random() < 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_every_feature_and_every_sum_is_what_was_known_at_its_time(seed: int, acquirer: Acquirer) -> None:
    random = Random(seed)
    facts = [fact for number in range(MERCHANTS) for fact in story(random, number)]
    # Some that a window can only see later, for they are recorded in its last minutes.
    facts += [
        Figure(f"M{number:03d}", (end - 2 * DAY).date(), end - random.randrange(9) * MINUTE, 3, random.randrange(900))
        for number in range(1, MERCHANTS)
        for end in ENDS[:-1]
    ]
    facts = [fact for fact in facts if fact.recorded_at <= END]
    windows = [visible_from(random, fact) for fact in facts]
    accepted: dict[str, list[tuple[int, Fact]]] = {}
    seen: set[tuple[object, ...]] = set()
    for step, end in enumerate(ENDS):
        new = [fact for fact, window in zip(facts, windows, strict=True) if window == step]
        number = acquirer.run(new, end)
        for fact in sorted(new, key=lambda one: one.recorded_at):
            if fact.content not in seen:
                seen.add(fact.content)
                accepted.setdefault(fact.merchant, []).append((number, fact))
    assert query("SELECT key, rules FROM rejected.tpv") == []
    _check_features(accepted)
    _check_sums(accepted)


def _check_features(accepted: dict[str, list[tuple[int, Fact]]]) -> None:
    rows = query("SELECT * FROM features.tpv")
    assert len(rows) > 100
    assert {row["merchant_id"] for row in rows} == set(accepted) - {"M000"}
    assert any(row["volume_year_ago_30d"] and not row["volume_year_ago_30d_missing"] for row in rows)
    for row in rows:
        moment = row["event_timestamp"]
        known = [
            fact
            for window, fact in accepted[row["merchant_id"]]
            if window <= row["window_id"] and fact.recorded_at <= moment
        ]
        wanted = features_at(known, moment)
        assert wanted is not None
        assert differences(before_filling(row), wanted) == {}, f"{row['merchant_id']} at {moment}"


def differences(found: Row, wanted: Row) -> Row:
    """Features that differ: name -> (found, wanted)."""
    assert set(found) == set(wanted)
    return {
        name: (found[name], value)
        for name, value in wanted.items()
        if (found[name] is None) != (value is None)
        or (value is not None and (found[name] != value if isinstance(value, str) else found[name] != float(value)))
    }


def _check_sums(accepted: dict[str, list[tuple[int, Fact]]]) -> None:
    frame = training_frame(tpv())
    assert len(frame) > 30
    for row in frame.to_dict("records"):
        begin, end = row["as_of"], row["as_of"] + timedelta(days=30)
        assert end + tpv().label.lag <= END + MINUTE
        facts = [fact for _, fact in accepted[row["merchant_id"]]]
        figures = known_figures([fact for fact in facts if begin < fact.happened <= end])
        assert row["label"] == sum(figure.volume for figure in figures.values()), f"{row['merchant_id']} at {begin}"
        # A figure after the closing, which the late ones may be, opens a merchant again.
        turns = [
            one for one in facts if one.happened <= begin and not (isinstance(one, Profile) and one.status == "active")
        ]
        last = max(turns, key=lambda one: one.happened)
        assert isinstance(last, Figure)
