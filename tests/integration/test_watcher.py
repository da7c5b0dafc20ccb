"""The watcher of the source on a real Postgres: NOTIFY, bursts, kills, and a database that restarts under it."""

import asyncio
import json
import os
import random
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from typing import Any, Self

import psycopg
import pytest
from event_support import BEGIN, DAY, MINUTE, Crm, empty_crm, leads, unbalanced_windows, version
from support import clean_database, key, query, rows_of, run_etl, started, until

from leadmill import names, settings
from leadmill.errors import LeadmillError
from leadmill.extract.notify import notify_sql
from leadmill.extract.watch import unread_watermark
from leadmill.local import stack
from leadmill.local.postgres import Server
from leadmill.orchestration.watermark_trigger import WatermarkTrigger

NEVER = 600.0
"""A poll that comes too late to count."""
UNPUBLISHED = "SELECT run_id FROM ops.windows WHERE status <> 'published'"


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


@pytest.mark.slow
def test_kill_9_of_watching_and_reading_processes_loses_nothing_and_two_of_them_read_nothing_twice(crm: Crm) -> None:
    """Real are Postgres, the trigger, the stages and the kills; no Airflow: one process is triggerer and worker.

    Two of them hear the same commits and work at once. Killed is the one that works on the window, while it is being
    read, when it is checked and when it is prepared; the last time the other one, too, and commits come in meanwhile.
    """
    numbers, watching = iter(range(1, 100)), [started(follow), started(follow)]
    try:
        for stage, alone in (("true", False), ("accepted IS NOT NULL", False), ("prepared IS NOT NULL", True)):
            for _ in range(5):
                record(crm, next(numbers))
            killed = [killed_at_work(watching, stage)]
            killed += [one for one in watching if alone and one not in killed]
            for one in killed:
                watching.remove(one)
                one.kill()
                one.join()
            for _ in range(5):
                record(crm, next(numbers))
            watching += [started(follow) for _ in killed]
        until(lambda: unread_watermark(leads()) is None and query(UNPUBLISHED) == [], 60)
        assert all(one.is_alive() for one in watching), "nothing that two at once did to each other ended one"
    finally:
        for one in watching:
            one.kill()
            one.join()
    windows = query("SELECT * FROM ops.windows ORDER BY until")
    assert [window["since"] for window in windows] == [None, *(window["until"] for window in windows[:-1])]
    assert sum(window["read"] - window["already_seen"] for window in windows) == next(numbers) - 1 == 30
    assert sum(window["attempts"] - 1 for window in windows) >= 3, "each kill left a window to another"
    assert unbalanced_windows() == []
    once = [{"lead_id": key(number), "n": 1} for number in range(1, 31)]
    assert query("SELECT lead_id, count(*) AS n FROM raw.leads GROUP BY 1 ORDER BY 1") == once
    found = rows_of("features.leads", without=["created_timestamp"])
    clean_database()
    run_etl(leads())
    assert found == rows_of("features.leads", without=["created_timestamp"]), "as of one run that nobody disturbed"


def follow() -> None:
    """What a triggerer and a worker do: each event makes a run of the ETL, and a run that another one disturbed is
    made again.
    """

    async def act() -> None:
        async for _ in WatermarkTrigger("leads", 0.5, 0.5).run():
            while True:
                try:
                    await asyncio.to_thread(run_etl, leads(), str(os.getpid()))
                    break
                except LeadmillError:
                    await asyncio.sleep(random.random())

    asyncio.run(act())


def killed_at_work(watching: list[ForkServerProcess], stage: str) -> ForkServerProcess:
    """Kill -9 the process whose unpublished window is at that stage; all stand still between the look and the kill."""

    def worker() -> list[ForkServerProcess]:
        at_work = query(f"{UNPUBLISHED} AND {stage}")
        return [one for one in watching if at_work and str(one.pid) == at_work[0]["run_id"]]

    def look() -> list[ForkServerProcess]:
        if not worker():
            return []
        send(watching, signal.SIGSTOP)
        found = worker()
        send(found, signal.SIGKILL)
        send(watching, signal.SIGCONT)
        return found

    (killed,) = until(look, 60)
    return killed


def send(processes: list[ForkServerProcess], which: int) -> None:
    for one in processes:
        assert one.pid
        os.kill(one.pid, which)


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
