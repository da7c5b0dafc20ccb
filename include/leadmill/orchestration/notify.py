"""New alerts to people, through Airflow's notifiers: always the log, and mail where the spec names addresses."""

import logging
from collections.abc import Iterator, Sequence
from html import escape

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import BaseNotifier, get_current_context
from airflow.sdk.definitions.context import Context

from leadmill.monitoring.alerts import Alert, mark_sent, open_alerts
from leadmill.spec import UseCase

log = logging.getLogger(__name__)


class LogNotifier(BaseNotifier):
    """Writes to the task's log, as warnings."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__()
        self.lines = tuple(lines)

    def notify(self, context: Context) -> None:
        for line in self.lines:
            log.warning("%s", line)


def notify(use_case: UseCase, watch: str) -> list[Alert]:
    """Tell of the open alerts of a watch that nobody was told of yet; those.

    They count as told when every notifier took them: where the mail server fails the task fails, and its retry, or the
    next run, tries again.
    """
    fresh = open_alerts(use_case, watch, unsent=True)
    if fresh:
        for notifier in notifiers(use_case, fresh):
            notifier(get_current_context())
        mark_sent(fresh)
    return fresh


def notifiers(use_case: UseCase, alerts: Sequence[Alert]) -> Iterator[BaseNotifier]:
    """The notifiers that the spec asks for, about these alerts."""
    yield LogNotifier([f"Alert on {use_case.name}, {alert.watch}: {alert.message}" for alert in alerts])
    if use_case.monitor.email:
        yield SmtpNotifier(
            to=list(use_case.monitor.email),
            subject=_literally(f"leadmill: {len(alerts)} new on {use_case.title} ({alerts[0].watch})"),
            html_content=_literally(_page(use_case, alerts)),
            smtp_conn_id=use_case.monitor.smtp_connection,
        )


def _page(use_case: UseCase, alerts: Sequence[Alert]) -> str:
    items = "".join(
        f"<li>{escape(alert.message)} <small>(since {alert.opened_at:%Y-%m-%d %H:%M} UTC)</small></li>"
        for alert in alerts
    )
    return (
        f"<h3>{escape(use_case.title)}</h3><ul>{items}</ul>"
        f"<p>Every figure with its history: ops.alerts, ops.drift, ops.performance, ops.freshness.</p>"
    )


def _literally(text: str) -> str:
    """``text`` so that Jinja, through which Airflow sends it, gives it back: it may hold levels from outside."""
    return "{{ " + repr(text) + " }}"
