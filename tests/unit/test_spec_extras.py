"""Candidates of its own, decisions, routes and transformations in a spec: what is wrong is said with its path."""

from pathlib import Path
from typing import Any

import pytest
from support import changed_use_case

from leadmill.errors import SpecError
from leadmill.learning import PARAMETERS
from leadmill.training.candidates import default_parameters

COSTS = {"false_positive": 5, "false_negative": 1}
PREDICT = {"path": "/predictions", "methods": ["POST"], "does": "predict", "fields": {"Visits": "total_visits"}}


def declared(**changes: Any) -> dict[str, Any]:
    return {"declared": {"old": {"builder": "random_forest"} | changes}}


def alias(**changes: Any) -> dict[str, Any]:
    return {"aliases": [PREDICT | changes]}


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("model", declared(builder="forest"), r"model\.declared\.old\.builder: found 'forest'"),
        ("model", declared(parameters={"n_estimator": 25}), "did you mean 'n_estimators'"),
        ("model", declared(inputs=["total_visit"]), r"model\.declared\.old\.inputs.*Did you mean 'total_visits'"),
        ("model", {"declared": {"random_forest": {"builder": "random_forest"}}}, "'random_forest' is taken"),
        ("model", declared(published={"accuracy": 82}), r"model\.declared\.old\.published\.accuracy"),
        ("model", {"baselines": ["tags"]}, r"model\.baselines: found 'tags'; allowed: an input of the model"),
        ("decision", {"costs": {"false_positive": 0, "false_negative": 1}}, r"decision\.costs\.false_positive"),
        ("decision", {"costs": COSTS, "positive": "no", "negative": "no"}, "two different words"),
        ("decision", {"costs": COSTS, "alert_budget": 5}, "decision.alert_budget"),
        ("api", alias(path="predictions"), r"api\.aliases\.0\.path"),
        ("api", alias(path="/api/v1/more"), "a path of its own"),
        ("api", alias(path="/healthcheck"), "a path of its own"),
        ("api", alias(does="guess"), r"api\.aliases\.0\.does: found 'guess'"),
        ("api", alias(methods=["GET"]), "a GET has no body"),
        ("api", alias(does="train"), "'query' and 'fields' go with"),
        ("api", alias(fields={"Visits": "total_visit"}), r"fields\.Visits.*Did you mean 'total_visits'"),
        ("api", alias(fields={"A": "total_visits", "B": "total_visits"}), "two fields for the feature 'total_visits'"),
        ("api", alias(sentences={"pt": {"positive": "sim", "negative": "não"}}), "where the spec has a 'decision'"),
        ("api", {"aliases": [PREDICT, PREDICT]}, "two aliases for POST /predictions"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(tmp_path: Path, part: str, value: Any, message: str) -> None:
    def edit(raw: dict[str, Any]) -> None:
        raw[part] = {**raw.get(part, {}), **value}

    with pytest.raises(SpecError, match=message):
        changed_use_case(tmp_path, edit)


@pytest.mark.parametrize("changes", [{"min": -1}, {"min": None}, {"type": "category", "min": None}])
def test_a_logarithm_is_of_numbers_that_have_one(tmp_path: Path, changes: dict[str, Any]) -> None:
    def edit(raw: dict[str, Any]) -> None:
        column = raw["features"]["asymmetrique_activity_score"]
        column |= {"transform": "log", **changes}
        raw["features"]["asymmetrique_activity_score"] = {k: v for k, v in column.items() if v is not None}

    with pytest.raises(SpecError, match=r"asymmetrique_activity_score: found .*'transform: log' needs|'min'"):
        changed_use_case(tmp_path, edit)


def test_what_is_right_is_kept(tmp_path: Path) -> None:
    def edit(raw: dict[str, Any]) -> None:
        raw["model"] |= declared(parameters={"n_estimators": 25}, inputs=["total_visits"])
        raw["decision"] = {"costs": COSTS, "positive": "call", "negative": "wait"}
        raw["api"] = alias(fields={"Visits": {"feature": "total_visits", "values": {0: "3"}}})

    use_case = changed_use_case(tmp_path, edit)
    assert use_case.model.competing == ("logistic_regression", "random_forest", "old", "hist_gradient_boosting")
    assert use_case.model.parameters_of("old") == {"n_estimators": 25}
    assert use_case.decision is not None
    assert use_case.decision.costs.even == pytest.approx(5 / 6)
    assert use_case.api.aliases[0].fields["Visits"].values == {0: "3"}


def test_what_a_spec_may_set_is_what_scikit_learn_takes() -> None:
    from leadmill.training.candidates import BUILDERS

    for kind, names in PARAMETERS.items():
        known = {*BUILDERS[kind]().get_params(), *default_parameters(kind)}
        assert set(names) <= known, kind
