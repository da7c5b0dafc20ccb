"""The watcher of the source on a real Postgres: NOTIFY, bursts, kills, and a database that restarts under it."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any, Self

import psycopg
import pytest
from event_support import BEGIN, DAY, MINUTE, Crm, empty_crm, leads, version
from support import query, run_etl

from leadmill import names, settings
from leadmill.extract.notify import notify_sql
from leadmill.local import stack
from leadmill.local.postgres import Server
from leadmill.orchestration.watermark_trigger import WatermarkTrigger

WATCH = """
import asyncio
from leadmill.orchestration.watermark_trigger import WatermarkTrigger

async def run():
    async for event in WatermarkTrigger("leads", 600, 600).run():
        print("told", event.payload["watermark"], flush=True)

asyncio.run(run())
"""
NEVER = 600.0
"""A poll that comes too late to count."""


@pytest.fixture
def crm(postgres: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Crm]:
    """The demo's CRM, which sends NOTIFY; Airflow's connection is the warehouse as the pipeline's role."""
    with empty_crm(postgres) as crm:
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", settings.current().connection_url("warehouse"))
        yield crm


class Watching:
    """A watcher as the triggerer runs it, in a task; it polls so rarely that only NOTIFY wakes it."""

    def __init__(self, poll: float = NEVER, lag: float = NEVER) -> None:
        self.trigger, self.told = WatermarkTrigger("leads", poll, lag), asyncio.Queue[Any]()

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _run(self) -> None:
        async for event in self.trigger.run():
            self.told.put_nowait(str(event.payload["watermark"]))

    async def next(self, seconds: float) -> str | None:
        """Watermark of the next event, or None when there is none for so long."""
        try:
            return await asyncio.wait_for(self.told.get(), seconds)
        except TimeoutError:
            return None


def record(crm: Crm, number: int) -> None:
    """A commit: a lead recorded now, an hour later by the CRM's clock."""
    with crm.connection.transaction():
        now = crm.later(timedelta(hours=1))
        crm.add(version(number, now - 2 * MINUTE))


async def until_listening() -> None:
    """Only a superuser sees what others ask."""
    secret = json.loads(stack.folder().secrets.read_text())["postgres"]
    host = settings.required("LEADMILL_WAREHOUSE_URL").rsplit("@", 1)[1]
    with psycopg.connect(f"postgresql://postgres:{secret}@{host}", autocommit=True) as connection:
        for _ in range(400):
            if connection.execute("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%'").fetchone():
                # The look that follows its first ring.
                await asyncio.sleep(1.5)
                return
            await asyncio.sleep(0.05)
    raise AssertionError("nobody listens")


def test_ten_commits_in_a_second_make_one_event_at_once_and_one_etl_run(crm: Crm) -> None:
    async def act() -> tuple[str | None, float, str | None]:
        async with Watching() as watching:
            await until_listening()
            began = time.monotonic()
            for number in range(1, 11):
                record(crm, number)
            committed = time.monotonic()
            assert committed - began < 1
            event = await watching.next(30)
            woken = time.monotonic() - committed
            await asyncio.to_thread(run_etl, leads(), "first")
            return event, woken, await watching.next(4)

    event, woken, more = asyncio.run(act())
    assert more is None
    assert woken < 10
    assert event == (BEGIN + timedelta(hours=10) - 2 * MINUTE).isoformat()
    assert run_etl(leads(), "second") is None
    windows = query("SELECT read, accepted FROM ops.windows WHERE status = 'published' AND read > 0")
    assert windows == [{"read": 10, "accepted": 10}]


def test_what_is_not_readable_yet_is_looked_at_again_after_the_safety_lag(crm: Crm) -> None:
    async def act() -> str | None:
        async with Watching(lag=3) as watching:
            await until_listening()
            crm.add(version(1, crm.now()))
            await asyncio.sleep(2)
            # A clock goes on by itself, and tells nobody.
            crm.later(DAY)
            return await watching.next(15)

    assert asyncio.run(act()) == BEGIN.isoformat()


def test_the_database_restarts_under_the_listener(crm: Crm) -> None:
    async def act() -> str | None:
        async with Watching() as watching:
            await until_listening()
            server = Server(stack.folder())
            port = server.port()
            assert port is not None
            crm.connection.close()
            await asyncio.to_thread(server.stop)
            await asyncio.sleep(1.5)
            await asyncio.to_thread(server.start, port)
            crm.connection = psycopg.connect(settings.required("LEADMILL_WAREHOUSE_URL"), autocommit=True)
            await until_listening()
            record(crm, 1)
            return await watching.next(30)

    assert asyncio.run(act()) == (BEGIN + timedelta(hours=1) - 2 * MINUTE).isoformat()


def test_without_notify_polling_goes_on(crm: Crm) -> None:
    crm.execute("".join(f"DROP TRIGGER leadmill_leads ON {table};" for table in leads().source.relations))

    async def act() -> str | None:
        async with Watching(poll=1) as watching:
            await asyncio.sleep(1.5)
            record(crm, 1)
            return await watching.next(15)

    assert asyncio.run(act()) is not None


def test_killed_and_started_again_it_tells_what_nobody_has_read(crm: Crm) -> None:
    record(crm, 1)
    for number in (2, 3):
        newest = crm.execute("SELECT max(recorded_at) FROM crm.leads").fetchone()[0]
        with subprocess.Popen([sys.executable, "-c", WATCH], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            told = next(line for line in child.stdout if line.startswith("told "))
            child.kill()
        assert child.returncode == -9
        assert told.split()[1] == newest.astimezone(UTC).isoformat()
        # The ETL has not run, and time passes while nobody watches.
        record(crm, number)
    assert run_etl(leads()) is not None
    assert query("SELECT sum(read) AS n FROM ops.windows") == [{"n": 3}]


def test_two_watchers_tell_the_same_and_nothing_is_processed_twice(crm: Crm) -> None:
    async def act() -> list[str | None]:
        async with Watching() as one, Watching() as two:
            return [await one.next(30), await two.next(30)]

    record(crm, 1)
    first, second = asyncio.run(act())
    assert first == second is not None
    both = [run_etl(leads(), run) for run in ("for the first", "for the second")]
    assert both[0] is not None
    assert both[1] is None
    assert query("SELECT sum(read) AS n, sum(appended) AS rows FROM ops.windows") == [{"n": 1, "rows": 1}]
    assert query("SELECT count(*) AS n FROM features.leads") == [{"n": 1}]


def test_the_sql_for_the_customer_may_be_run_again_and_names_what_the_spec_names(crm: Crm) -> None:
    statements = notify_sql(leads())
    crm.execute(statements)
    crm.execute(statements)
    assert names.notify_channel(leads()) == "leadmill_leads"
    for relation in leads().source.relations:
        assert f"AFTER INSERT OR UPDATE ON {relation}\n" in statements
    with psycopg.connect(settings.required("LEADMILL_WAREHOUSE_URL"), autocommit=True) as other:
        other.execute("LISTEN leadmill_leads")
        with crm.connection.transaction():
            crm.add(version(1, BEGIN), version(2, BEGIN))
            crm.execute("INSERT INTO crm.outcomes SELECT FROM crm.outcomes")
            crm.execute("UPDATE crm.leads SET city = 'Pune'")
        heard = list(other.notifies(timeout=1))
    assert [(one.channel, one.payload) for one in heard] == [("leadmill_leads", "")]
