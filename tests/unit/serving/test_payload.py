"""What a payload means, with the spec's constants as imputer."""

from typing import Any

import pytest
from support import x_education

from leadmill.prepare.imputer import Imputer, cold_start
from leadmill.serving.payload import Filled, PayloadReader

USE_CASE = x_education()
EVERYTHING = frozenset(column.name for column in USE_CASE.feature_columns)
INDEX = "asymmetrique_activity_index"


def filled(payload: dict[str, Any], imputer: Imputer | None = None) -> Filled:
    found = PayloadReader(USE_CASE, imputer or cold_start(), EVERYTHING).fill([payload])[0]
    assert isinstance(found, Filled), found
    return found


@pytest.mark.parametrize(
    ("payload", "feature", "meant"),
    [
        ({"lead_source": "Google"}, "lead_source", "google"),
        ({"lead_source": "WeLearn"}, "lead_source", "blog"),
        ({"lead_source": "testone"}, "lead_source", "other"),
        ({"lead_source": "unknown"}, "lead_source", "unknown"),
        ({"lead_source_reference": True}, "lead_source", "reference"),
        ({"lead_source_other": 1.0}, "lead_source", "other"),
        ({INDEX: "02.Medium"}, INDEX, 1),
        ({f"{INDEX}_high": 1}, INDEX, 2),
        ({"do_not_email": "Yes"}, "do_not_email", True),
        ({"do_not_email": 1.0}, "do_not_email", True),
        ({"total_visits": 9.0}, "total_visits", 9),
        ({"total_visits": " 9 "}, "total_visits", 9),
        ({"page_views_per_visit": 4.5}, "page_views_per_visit", 4.5),
        ({"country": "Côte d'Ivoire"}, "country", "c_te_d_ivoire"),
    ],
)
def test_values_are_spelled_as_in_the_source(payload: dict[str, Any], feature: str, meant: Any) -> None:
    found = filled(payload)
    assert found.values[feature] == meant
    assert feature not in found.imputed
    assert found.values.get(f"{feature}_missing", False) in (False,)


@pytest.mark.parametrize("payload", [{}, {"total_visits": None}, {"total_visits": ""}])
def test_what_is_absent_is_filled_flagged_and_listed(payload: dict[str, Any]) -> None:
    found = filled(payload)
    assert (found.values["total_visits"], found.values["total_visits_missing"]) == (3, True)
    assert found.imputed["total_visits"] == 3
    assert found.imputed[INDEX] == "medium"


@pytest.mark.parametrize(
    ("off", "assumed"),
    [
        (["google"], "unknown"),
        (["google", "unknown"], "other"),
        (["unknown", "other"], "google"),
    ],
)
def test_levels_that_are_off_mean_another_one(off: list[str], assumed: str) -> None:
    found = filled({f"lead_source_{level}": 0 for level in off})
    assert found.assumed == {"lead_source": assumed}
    assert found.values["lead_source"] == assumed


def test_an_ordered_feature_whose_usual_level_is_off_takes_another() -> None:
    found = filled({f"{INDEX}_medium": 0})
    assert (found.assumed, found.values[INDEX]) == ({INDEX: "low"}, 0)


def test_all_levels_off_cannot_be() -> None:
    reader = PayloadReader(USE_CASE, cold_start(), EVERYTHING)
    found = reader.fill([{f"{INDEX}_{level}": 0 for level in ("low", "medium", "high")}, {}])
    assert isinstance(found[0], list)
    assert "one of them must be on" in found[0][0].detail
    assert isinstance(found[1], Filled)


def test_an_open_vocabulary_is_what_the_imputer_has_seen() -> None:
    seen = Imputer(1, None, 500, {}, {"country": ["india", "unknown"]})
    assert filled({"country_india": 1}, seen).values["country"] == "india"
    assert isinstance(PayloadReader(USE_CASE, cold_start(), EVERYTHING).fill([{"country_india": 1}])[0], list)


def test_few_unknown_names_of_a_batch_are_looked_for(searches: list[str]) -> None:
    batch = [{"totl_visits": 1, **{f"name_{number}_{at}": 1 for at in range(30)}} for number in range(20)]
    for faults in PayloadReader(USE_CASE, cold_start(), EVERYTHING).fill(batch):
        assert isinstance(faults, list)
        assert len(faults) == 31
        assert faults[0].detail == "'x_education' declares no 'totl_visits'. Did you mean 'total_visits'?"
    assert len(searches) == len(set(searches)) == 100
