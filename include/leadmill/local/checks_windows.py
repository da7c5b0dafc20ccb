"""The doctor's checks of the ledger of windows: blocked ones, rows that no window can read, the newest one."""

from collections.abc import Iterator
from datetime import UTC
from typing import Any

import psycopg

from leadmill.errors import LeadmillError
from leadmill.local.checks_postgres import database_url
from leadmill.local.doctor import Check, Finding
from leadmill.spec import load_use_case, use_case_names


def blocked_windows() -> Iterator[Finding]:
    rows = _ask(
        "SELECT use_case, window_id, blocked_reason FROM ops.windows WHERE status = 'blocked' ORDER BY use_case"
    )
    for use_case, window, reason in rows:
        remedy = (
            f"See rejected.{use_case} for the rows. Mend the source, and the next run retries; or release it: trigger "
            f"{use_case}_etl with 'release_window' and a reason."
        )
        yield Finding("Blocked window", "wrong", f"{use_case}, window {window}: {reason}", remedy)


def rows_without_watermark() -> Iterator[Finding]:
    """Each window counts them in the whole source, so the newest window tells how it stands."""
    rows = _ask(
        "SELECT DISTINCT ON (use_case) use_case, window_id, null_watermark FROM ops.windows "
        "ORDER BY use_case, window_id DESC"
    )
    for use_case, window, count in rows:
        if count == 0 or use_case not in use_case_names():
            continue
        try:
            source = load_use_case(use_case).source
        except LeadmillError as error:
            yield Finding("Watermark", "wrong", str(error), "Mend the specification.")
            continue
        found = (
            f"{use_case}, window {window}: {count:,} rows of the source have no watermark, so no window can read them"
        )
        remedy = f"Fill {source.watermark} in {', '.join(source.relations)} with the time when each row was recorded."
        yield Finding("Watermark", "note", found, remedy)


def newest_published_windows() -> Iterator[Finding]:
    rows = _ask(
        "SELECT DISTINCT ON (use_case) use_case, window_id, published_at, accepted, rejected FROM ops.windows "
        "WHERE status = 'published' ORDER BY use_case, window_id DESC"
    )
    for use_case, window, published, accepted, rejected in rows:
        about = f"{use_case}, window {window}, published {published.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        if accepted + rejected == 0:
            yield Finding("Newest window", "note", f"{about}: the newest window brought nothing new")
        else:
            yield Finding("Newest window", "ok", f"{about}: {accepted:,} rows accepted, {rejected:,} rejected")


def _ask(query: str) -> list[tuple[Any, ...]]:
    """The rows of a query on ops.windows; none where the database does not answer or the table is not there yet."""
    url = database_url()
    if url is None:
        return []
    with psycopg.connect(url, connect_timeout=5) as connection:
        known = connection.execute("SELECT to_regclass('ops.windows')").fetchone()
        if known is None or known[0] is None:
            return []
        return connection.execute(query.encode()).fetchall()


WINDOW_CHECKS: tuple[Check, ...] = (blocked_windows, rows_without_watermark, newest_published_windows)
