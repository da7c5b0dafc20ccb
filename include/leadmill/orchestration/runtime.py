"""What every task does around its one line of work."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.sdk import BaseHook, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from sqlalchemy import text

from leadmill import settings
from leadmill.errors import LeadmillError, NoChampion, SourceUnreachable
from leadmill.orchestration.doc_page import dag_doc
from leadmill.spec import UseCase
from leadmill.storage.database import engine

log = logging.getLogger(__name__)
# The first slot of a schedule is the next one. Airflow 3.3 takes False for a tenth of the interval: of a weekly one
# it would make up for Sunday's run at any start until Sunday afternoon.
FROM_NOW_ON = timedelta(0)
_rows: ContextVar[int | None] = ContextVar("rows that the stage under way handled", default=None)


def dag_arguments(
    use_case: UseCase, kind: str, title: str, factory: Callable[..., object], retries: int
) -> dict[str, Any]:
    """Arguments that every DAG of a use case shares; ``kind`` ends its id, the factory's docstring documents it."""
    return {
        "dag_id": f"{use_case.name}_{kind}",
        "dag_display_name": f"{use_case.title}: {title}",
        "catchup": False,
        "max_active_runs": 1,
        "tags": ["leadmill", use_case.name, kind],
        "doc_md": dag_doc(use_case, factory),
        "default_args": {"retries": retries, "retry_delay": timedelta(seconds=10)},
    }


@contextmanager
def stage(use_case: UseCase, name: str) -> Iterator[str]:
    """Run a stage inside a task; gives the Airflow run's id.

    Puts the source's Airflow connection where the package looks for it, records the cost in ``ops.runs`` (with the
    rows of which :func:`handled` tells), and fails the task for good on an error that trying again cannot mend.
    Without a champion there is nothing to score: skipped.
    """
    run_id = str(get_current_context()["dag_run"].run_id)
    connection = BaseHook.get_connection(use_case.source.connection)
    settings.apply({f"AIRFLOW_CONN_{use_case.source.connection.upper()}": connection.get_uri()})
    started, clock, written = datetime.now(UTC), time.monotonic(), _written()
    _rows.set(None)
    try:
        yield run_id
    except SourceUnreachable:
        raise
    except NoChampion as error:
        skip(str(error))
    except LeadmillError as error:
        log.error("%s", error)
        raise AirflowFailException(str(error)) from error
    record_cost(use_case, name, run_id, Cost(started, time.monotonic() - clock, _rows.get(), _written() - written))


def handled(rows: int) -> None:
    """Say, inside :func:`stage`, how many rows the stage handled."""
    _rows.set(rows)


def skip(why: str) -> NoReturn:
    """Skip the task and say why in its log: Airflow keeps an exception's words to itself."""
    log.info("%s", why)
    raise AirflowSkipException(why)


@dataclass(frozen=True)
class Cost:
    """What a stage took; ``started`` is wall time, UTC, ``bytes`` what the server wrote to its log meanwhile."""

    started_at: datetime
    seconds: float
    rows: int | None
    bytes: int


def record_cost(use_case: UseCase, name: str, run_id: str, cost: Cost) -> None:
    """One row of ``ops.runs`` per run and stage; a later try replaces it."""
    with engine().begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ops.runs (run_id, use_case, stage, started_at, seconds, rows, bytes) "
                "VALUES (:run, :name, :stage, :started_at, :seconds, :rows, :bytes) "
                "ON CONFLICT (run_id, use_case, stage) DO UPDATE SET started_at = excluded.started_at, "
                "seconds = excluded.seconds, rows = excluded.rows, bytes = excluded.bytes"
            ),
            {"run": run_id, "name": use_case.name, "stage": name, **asdict(cost)},
        )


def _written() -> int:
    """Bytes that the server has ever written to its log."""
    with engine().connect() as connection:
        return int(connection.execute(text("SELECT pg_current_wal_insert_lsn() - '0/0'")).scalar_one())
