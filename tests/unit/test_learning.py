"""What a spec may say of its models and of its gate."""

from pathlib import Path
from typing import Any

import pytest
from support import changed_use_case

from leadmill.errors import SpecError


@pytest.mark.parametrize(
    ("part", "field", "value", "message"),
    [
        ("model", "allowed_leaks", {"tagz": "why"}, "model.allowed_leaks: found 'tagz'.*Did you mean 'tags'"),
        ("model", "allowed_leaks", {"features_sql": ""}, "model.allowed_leaks.features_sql"),
        (
            "model",
            "candidates",
            ["random_forest", "logistic_regression"],
            "from simple to complex: logistic_regression",
        ),
        ("model", "candidates", ["random_forest", "random_forest"], "each once"),
        ("model", "candidates", ["catboost"], "model.candidates.0: found 'catboost'"),
        ("model", "prior", 1.0, "model.prior"),
        ("model", "class_weights", "resample", "model.class_weights: found 'resample'"),
        (
            "tune",
            "candidates",
            ["additive_scorecard"],
            "tune.candidates: found 'additive_scorecard'",
        ),
        ("tune", "minutes", 0, "tune.minutes"),
        ("tune", "trials", 1, "tune.trials"),
        ("gate", "slices", ["total_visits"], "gate.slices: found 'total_visits'; allowed: a feature with levels"),
        ("gate", "slices", ["lead_orgin"], "Did you mean 'lead_origin'"),
        ("gate", "mode", "asks", "Did you mean 'ask'"),
        ("gate", "answer_within", "soon", "gate.answer_within: found 'soon'; allowed: a duration"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(
    tmp_path: Path, part: str, field: str, value: object, message: str
) -> None:
    def edit(raw: dict[str, Any]) -> None:
        raw.setdefault(part, {})[field] = value

    with pytest.raises(SpecError, match=message):
        changed_use_case(tmp_path, edit)


def test_what_is_right_is_kept(tmp_path: Path) -> None:
    def edit(raw: dict[str, Any]) -> None:
        raw["model"] |= {"allowed_leaks": {"last_activity": "known in time", "features_sql": "reads a calendar"}}
        raw["gate"] |= {"slices": ["lead_origin", "do_not_email"], "mode": "never"}

    use_case = changed_use_case(tmp_path, edit)
    assert use_case.model.allowed_leaks["last_activity"] == "known in time"
    assert (use_case.gate.slices, use_case.gate.mode) == (("lead_origin", "do_not_email"), "never")
    assert (use_case.model.choice, use_case.model.class_weights, use_case.model.prior) == (
        "one_standard_error",
        "none",
        None,
    )
