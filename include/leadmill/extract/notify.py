"""NOTIFY of the customer's warehouse: the SQL that sends it, and the ear that hears it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn

import psycopg
from jinja2 import Environment, StrictUndefined
from psycopg import sql

from leadmill import names
from leadmill.spec import UseCase
from leadmill.storage.source import listening_connection

log = logging.getLogger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


def notify_sql(use_case: UseCase) -> str:
    """SQL for the owner of the source's tables: each commit that writes to one of them sends an empty NOTIFY.

    It may be run again. The names are those of the spec and follow its patterns.
    """
    channel, relations = names.notify_channel(use_case), use_case.source.relations
    template = Path(__file__).with_name("notify.sql.j2").read_text(encoding="utf-8")
    written = Environment(undefined=StrictUndefined, trim_blocks=True)
    return written.from_string(template).render(
        channel=channel, function=channel, schema=relations[0].split(".")[0], relations=relations
    )


async def listen(use_case: UseCase, address: Callable[[], Awaitable[str]], heard: Callable[[], None]) -> NoReturn:
    """Call ``heard`` at each NOTIFY of the source, and once it listens: what was sent before that is lost.

    Never returns. A source that does not answer, or went away, is tried again after a pause that doubles from a second
    to a minute; ``address`` is asked for its URL each time, for a password may have changed.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            async with await listening_connection(use_case, await address()) as connection:
                channel = sql.Identifier(names.notify_channel(use_case))
                await connection.execute(sql.SQL("LISTEN {}").format(channel))
                pause = _FIRST_PAUSE
                heard()
                async for _ in connection.notifies():
                    heard()
        except (psycopg.Error, OSError) as error:
            # Only its kind: a message of libpq may quote the address.
            log.info("Not listening to '%s' (%s), next try in %.0f s", use_case.name, type(error).__name__, pause)
        except Exception as error:  # noqa: BLE001 - logged; polling goes on without an ear
            log.warning("Not listening to '%s', next try in %.0f s: %s", use_case.name, pause, error)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
