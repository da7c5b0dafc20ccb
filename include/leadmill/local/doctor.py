"""What is wrong with this checkout and its local stack, and how to mend it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``remedy`` says what to do where something is to be done."""

    check: str
    level: Level
    found: str
    remedy: str | None = None


Check = Callable[[], Iterable[Finding]]


def examine() -> list[Finding]:
    """Every finding, in the order in which to read them: a fault early in the list may explain the later ones."""
    from leadmill.local import stack
    from leadmill.local.checks_airflow import AIRFLOW_CHECKS
    from leadmill.local.checks_machine import MACHINE_CHECKS
    from leadmill.local.checks_postgres import POSTGRES_CHECKS
    from leadmill.local.checks_use_cases import USE_CASE_CHECKS
    from leadmill.local.checks_windows import WINDOW_CHECKS

    stack.forget_other_servers()
    checks = (*MACHINE_CHECKS, *USE_CASE_CHECKS, *POSTGRES_CHECKS, *WINDOW_CHECKS, *AIRFLOW_CHECKS)
    return [finding for check in checks for finding in _findings(check)]


def _findings(check: Check) -> Iterator[Finding]:
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001 - where something is wrong, any check may fail: the others still tell
        name = check.__name__.replace("_", " ").capitalize()
        yield Finding(name, "wrong", f"this could not be looked at: {type(error).__name__}: {str(error).strip()}")


def something_wrong(findings: Iterable[Finding]) -> bool:
    """Whether any finding needs mending."""
    return any(one.level == "wrong" for one in findings)
