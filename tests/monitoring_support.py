"""Scores, outcomes and windows written as they are wanted, for tests of what watching counts."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
from event_support import LAG, Crm, empty_crm, leads
from psycopg import sql

from leadmill import names, settings
from leadmill.storage.ddl import ensure_tables

SCORE_COLUMNS = {
    "lead_id": "text",
    "lead_score": "int",
    "probability": "float8",
    "band": "text",
    "percentile": "float8",
    "reasons": "jsonb",
    "status": "text",
    "model_version": "text",
    "feature_timestamp": "timestamptz",
    "scored_at": "timestamptz",
    "run_id": "text",
}


@contextmanager
def written_scores(postgres: dict[str, str]) -> Iterator[Crm]:
    """An empty CRM and leadmill; plain tables in place of the scores and of their history, whatever those are."""
    with empty_crm(postgres) as crm:
        ensure_tables(leads())
        body = ", ".join(f"{name} {kind}" for name, kind in SCORE_COLUMNS.items())
        tables = (names.history_table(leads()), names.scores_table(leads()))
        with psycopg.connect(settings.current().database_url, autocommit=True) as connection:
            for table in tables:
                _drop(connection, table)
                connection.execute(f"CREATE TABLE {table} ({body})".encode())
        yield crm


def _drop(connection: psycopg.Connection, table: str) -> None:
    kind = connection.execute("SELECT relkind FROM pg_class WHERE oid = to_regclass(%s)", [table]).fetchone()
    word = "VIEW" if kind is not None and kind[0] in ("v", b"v") else "TABLE"
    connection.execute(f"DROP {word} IF EXISTS {table} CASCADE".encode())


def write(table: str, rows: Iterable[dict[str, Any]]) -> None:
    """Append rows of equal columns."""
    given = list(rows)
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in given[0])
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(*table.split(".")), columns)
    with (
        psycopg.connect(settings.current().database_url, autocommit=True) as connection,
        connection.cursor().copy(statement) as copy,
    ):
        for row in given:
            copy.write_row(list(row.values()))


def score(key: str, probability: float, at: datetime, **changes: Any) -> dict[str, Any]:
    """A published score."""
    row: dict[str, Any] = dict.fromkeys(SCORE_COLUMNS)
    row |= {"lead_id": key, "lead_score": round(probability * 1000), "probability": probability, "percentile": 50.0}
    row |= {"band": "A" if probability >= 0.5 else "D", "status": "fresh", "model_version": "1"}
    return row | {"feature_timestamp": at, "scored_at": at, "run_id": f"score {at.isoformat()}"} | changes


def outcome(key: str, label: int | None, closed: bool, at: datetime, delay: timedelta = timedelta(0)) -> dict[str, Any]:
    """A known outcome."""
    return {"lead_id": key, "label": label, "closed": closed, "occurred_at": at, "known_at": at + delay, "window_id": 1}


def published_window(crm: Crm, until: datetime) -> None:
    """The ledger says that everything up to and with ``until`` is published; the clock stands there."""
    crm.move_clock(until + LAG)
    nothing = dict.fromkeys(("read", "accepted", "rejected", "already_seen"), 0)
    nothing |= dict.fromkeys(("touched", "appended", "unchanged", "refused", "prepared"), 0)
    window = {"use_case": "leads", "until": until, "source_now": until + LAG, "status": "published"}
    write("ops.windows", [window | nothing | {"materialized": True}])
