"""A person is asked in the training run whether what passed the gate may serve (``gate.mode: ask``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from leadmill.spec import UseCase

if TYPE_CHECKING:
    from airflow.providers.standard.operators.hitl import HITLOperator

APPROVE, REJECT = "Approve", "Reject"
TASK = "approve"


@dataclass(frozen=True)
class Answer:
    """What was said, by whom (None: nobody, in time), in words for the ledger."""

    approved: bool
    who: str | None
    words: str


def ask(use_case: UseCase) -> "HITLOperator":
    """The task that shows the gate's comparison and waits; no answer in time is a no.

    Not Airflow's ApprovalOperator: it skips what follows a no, and then nobody would write it into the ledger.
    """
    from airflow.providers.standard.operators.hitl import HITLOperator

    return HITLOperator(
        task_id=TASK,
        task_display_name="Ask whether it may serve",
        subject=f"{use_case.title}: may the challenger become champion?",
        body="{{ ti.xcom_pull(task_ids='gate', key='comparison') }}",
        options=[APPROVE, REJECT],
        defaults=[REJECT],
        response_timeout=use_case.gate.answer_within,
        params={"reason": Param("", type="string", title="Why (kept with the decision)")},
        # Asked again, a person would see two questions about one challenger.
        retries=0,
    )


def answered(answer: Mapping[str, Any]) -> Answer:
    """What the task's result says."""
    approved = list(answer["chosen_options"]) == [APPROVE]
    user = answer.get("responded_by_user") or {}
    who = user.get("name") or user.get("id")
    if who is None:
        return Answer(False, None, "nobody answered in time whether it may serve")
    reason = str((answer.get("params_input") or {}).get("reason") or "").strip()
    words = f"{'approved' if approved else 'rejected'} by {who}" + (f": {reason}" if reason else "")
    return Answer(approved, str(who), words)
