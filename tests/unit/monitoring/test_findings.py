"""The verdict on one feature: ages are weighed, few entities are never judged, each threshold has its own alarm."""

from dataclasses import replace

from leadmill.monitoring.findings import compare
from leadmill.monitoring.profile import Bins, Profile
from leadmill.monitoring.reference import Reference
from leadmill.thresholds import Monitor

LIMITS = Monitor()
NUMBER = Bins((1.0, 2.0), None)
CATEGORY = Bins(None, ("google", "facebook"))


def reference(counts: dict[int, tuple[int, ...]], missing: dict[int, int], bins: Bins = NUMBER) -> Reference:
    return Reference(bins, Profile(counts, missing), 10_000)


def test_another_mix_of_ages_is_no_drift() -> None:
    """Young leads have few visits: a week of nothing but young ones differs from the whole, not from the young."""
    known = reference({1: (9_000, 900, 100), 2: (100, 900, 9_000)}, {1: 0, 2: 5_000})
    found = compare("visits", Profile({1: (900, 90, 10)}, {}), 1_000, known, LIMITS, 80)
    assert (found.alarms, found.judged, found.rows) == ((), True, 1_000)
    assert found.psi is not None
    assert found.psi < 0.01
    assert found.reference_missing == 0


def test_a_moved_distribution_is_named() -> None:
    known = reference({1: (5_000, 3_000, 2_000)}, {})
    found = compare("visits", Profile({1: (100, 200, 700)}, {}), 1_000, known, LIMITS, 80)
    assert found.alarms == ("distribution",)
    assert found.sentence().startswith("visits: its distribution moved (PSI ")


def test_a_missing_rate_is_an_alarm_of_its_own() -> None:
    known = reference({1: (4_500, 2_700, 1_800)}, {1: 1_000})
    found = compare("visits", Profile({1: (350, 210, 140)}, {1: 300}), 1_000, known, LIMITS, 80)
    assert found.alarms == ("missing",)
    assert "missing in 30.0% of the rows, in training 10.0%" in found.sentence()


def test_a_feature_that_goes_away_or_comes_altogether_is_an_alarm() -> None:
    known = reference({1: (4_500, 2_700, 1_800)}, {1: 1_000})
    gone = compare("visits", Profile({}, {1: 1_000}), 1_000, known, LIMITS, 80)
    assert (gone.alarms, gone.judged, gone.psi, gone.missing) == (("missing",), True, None, 1.0)
    assert "missing in 100.0% of the rows, in training 10.0%" in gone.sentence()
    came = compare("visits", Profile({1: (500, 300, 200)}, {}), 1_000, reference({}, {1: 10_000}), LIMITS, 80)
    assert (came.alarms, came.missing, came.reference_missing) == (("missing",), 0.0, 1.0)
    still = compare("visits", Profile({}, {1: 1_000}), 1_000, reference({}, {1: 10_000}), LIMITS, 80)
    assert (still.alarms, still.judged) == ((), True)


def test_levels_that_training_has_not_are_told_apart_from_rare_ones() -> None:
    recent = Profile({1: (600, 300, 100)}, {})
    closed = compare("source", recent, 1_000, reference({1: (6_600, 3_400, 0)}, {}, CATEGORY), LIMITS, 80)
    folded = compare("source", recent, 1_000, reference({1: (6_000, 3_000, 1_000)}, {}, CATEGORY), LIMITS, 80)
    assert (closed.new_share, "new_levels" in closed.alarms) == (0.1, True)
    assert (folded.new_share, folded.alarms) == (None, ())


def test_a_few_new_levels_may_be_chance_and_none_of_them_is_told_to_the_world() -> None:
    known = reference({1: (6_600, 3_400, 0)}, {}, CATEGORY)
    few = compare("source", Profile({1: (64, 33, 3)}, {}), 100, known, LIMITS, 80)
    many = compare("source", Profile({1: (640, 330, 30)}, {}), 1_000, known, LIMITS, 80)
    assert (few.new_share, few.alarms) == (0.03, ())
    assert (many.new_share, many.alarms) == (0.03, ("new_levels",))
    assert "vera@example.org" not in replace(many, new_levels={"vera@example.org": 30}).sentence()


def test_few_entities_are_never_judged_however_many_rows_they_have() -> None:
    known = reference({1: (5_000, 3_000, 2_000)}, {})
    found = compare("visits", Profile({1: (0, 0, 9_000)}, {}), LIMITS.min_entities - 1, known, LIMITS, 80)
    assert (found.judged, found.alarms) == (False, ())
    assert found.psi is not None


def test_rows_of_one_entity_do_not_add_certainty() -> None:
    known, shifted = reference({1: (5_000, 3_000, 2_000)}, {}), {1: (420, 310, 270)}
    few = compare("visits", Profile(shifted, {}), 200, known, LIMITS, 80)
    many = compare("visits", Profile(shifted, {}), 1_000, known, LIMITS, 80)
    assert few.psi == many.psi
    assert few.p_value is not None
    assert many.p_value is not None
    assert few.p_value > 1e-2 > 1e-4 > many.p_value


def test_an_age_that_training_has_not_seen_is_left_out() -> None:
    known = reference({1: (5_000, 3_000, 2_000)}, {})
    found = compare("visits", Profile({9: (0, 0, 500)}, {}), 500, known, LIMITS, 80)
    assert (found.judged, found.psi, found.alarms) == (False, None, ())
