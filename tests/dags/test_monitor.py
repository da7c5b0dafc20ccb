"""The monitoring DAG by Airflow's own task runner, with mail to a local server."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from smtp_sink import Sink, mail_server
from support import Warehouse, changed_use_case, query, run_etl

from leadmill.monitoring.alerts import open_alerts
from leadmill.orchestration import monitor

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    with mail_server() as sink:
        extra = {"from_email": "leadmill@example.org", "disable_tls": True, "disable_ssl": True, "retry_limit": 0}
        where = {"conn_type": "smtp", "host": "127.0.0.1", "port": sink.port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(where))
        yield sink


def states(run: Any) -> dict[str, str]:
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances()}


def test_a_late_stage_is_told_by_log_and_mail_and_again_where_the_mail_failed(
    crm: Warehouse, dagbag: Any, mail: Sink, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    use_case = changed_use_case(tmp_path, lambda raw: raw.update(monitor={"email": ["vera@example.org"]}))
    dag = monitor(use_case)
    for task in dag.tasks:
        task.retries = 0
    crm.spread(range(60))
    run_etl(use_case, online=True)
    quiet = {"drift": "skipped", "performance": "success", "freshness": "success", "retraining": "skipped"}
    quiet["forget"] = "success"
    assert states(dag.test()) == quiet
    assert (mail.messages, query("SELECT * FROM ops.alerts")) == ([], [])

    crm.later(timedelta(days=9))
    mail.refuses = True
    failed = dag.test()
    assert states(failed)["freshness"] == "failed"
    assert query("SELECT count(*) AS n FROM ops.alerts WHERE notified_at IS NULL") == [{"n": 4}]

    mail.refuses = False
    caplog.clear()
    told = dag.test()
    assert states(told) == quiet
    assert "Alert on x_education, freshness: extract: its results reach 2026-02-01" in caplog.text
    (message,) = mail.messages
    assert (message["To"], message["From"]) == ("vera@example.org", "leadmill@example.org")
    assert message["Subject"] == f"leadmill: 4 new on {use_case.title} (freshness)"
    body = message.get_body(("html",))
    assert body is not None
    assert "materialize: its results reach 2026-02-01" in body.get_content()
    assert query("SELECT DISTINCT notified_at IS NULL AS untold FROM ops.alerts") == [{"untold": False}]

    assert open_alerts(use_case, unsent=True) == []
    cost = query("SELECT rows, bytes FROM ops.runs WHERE run_id = %s AND stage = 'performance'", [told.run_id])
    assert [(row["rows"], row["bytes"] > 0) for row in cost] == [(0, True)]
