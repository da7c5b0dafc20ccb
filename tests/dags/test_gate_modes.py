"""The training DAG asks a person where the spec says so, and takes silence for a no."""

from datetime import timedelta
from typing import Any

import pytest

from leadmill.spec import UseCase, load_use_case


def asking() -> UseCase:
    use_case = load_use_case("leads")
    gate = use_case.gate.model_copy(update={"mode": "ask", "answer_within": timedelta(hours=6)})
    return use_case.model_copy(update={"gate": gate})


def test_a_person_is_asked_between_the_gate_and_the_promotion(airflow_database: dict[str, str]) -> None:
    from leadmill.orchestration import train

    dag = train(asking())
    order = [task.task_id for task in dag.topological_sort()]
    assert order == ["training_set", "fit", "evaluate", "gate", "approve", "promote"]
    assert dag.get_task("promote").upstream_task_ids == {"gate", "approve"}
    approve: Any = dag.get_task("approve")
    assert (approve.options, approve.defaults) == (["Approve", "Reject"], ["Reject"])
    assert approve.response_timeout == timedelta(hours=6)
    assert "key='comparison'" in approve.body
    assert "approve" not in {task.task_id for task in train(load_use_case("leads")).tasks}


@pytest.mark.parametrize(
    ("kind", "given", "who", "words"),
    [
        ("asset_triggered", None, None, "300 rows have matured"),
        ("scheduled", None, None, "Sunday"),
        ("manual", "a new price list", "vera", "a new price list, by hand (vera)"),
        ("manual", None, "vera", "by hand (vera)"),
        ("manual", None, None, "by hand"),
    ],
)
def test_why_a_training_runs(kind: str, given: str | None, who: str | None, words: str) -> None:
    from leadmill.orchestration.train import why

    assert why(kind, given, who, "300 rows have matured") == words


@pytest.mark.parametrize(
    ("answer", "approved", "who", "words"),
    [
        (
            {
                "chosen_options": ["Approve"],
                "params_input": {"reason": "fine"},
                "responded_by_user": {"id": "1", "name": "vera"},
            },
            True,
            "vera",
            "approved by vera: fine",
        ),
        (
            {"chosen_options": ["Reject"], "params_input": {}, "responded_by_user": {"id": "vera"}},
            False,
            "vera",
            "rejected by vera",
        ),
        (
            {"chosen_options": ["Reject"], "params_input": {}, "responded_by_user": None},
            False,
            None,
            "nobody answered in time whether it may serve",
        ),
    ],
)
def test_what_an_answer_says(answer: dict[str, Any], approved: bool, who: str | None, words: str) -> None:
    from leadmill.orchestration.approval import Answer, answered

    assert answered(answer) == Answer(approved, who, words)
