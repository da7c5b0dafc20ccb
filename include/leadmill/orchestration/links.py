"""Links from a task in the Airflow UI to what it made."""

from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from leadmill.spec import UseCase

ROOT = "/leadmill"


class RunLink(BaseOperatorLink):
    """A link to ``/leadmill/<kind>/<use case>/<Airflow run>``; the page finds what that run made."""

    def __init__(self, title: str, kind: str, use_case: UseCase) -> None:
        self.title, self.kind, self.use_case = title, kind, use_case.name

    @property
    def name(self) -> str:
        return self.title

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        return f"{ROOT}/{self.kind}/{self.use_case}/{quote(ti_key.run_id, safe='')}"


def with_link(task: Any, title: str, kind: str, use_case: UseCase) -> Any:
    """The task's result, its operator showing the link in the UI."""
    task.operator.operator_extra_links = (RunLink(title, kind, use_case),)
    return task
