"""Whether a published score is still to be trusted: fresh, stale or closed."""

from collections import Counter

from sqlalchemy import Connection, text

from leadmill import names
from leadmill.features.closed import closed_sql
from leadmill.scoring.shown import Totals
from leadmill.spec import UseCase
from leadmill.storage.joins import one_by_one


def status_sql(use_case: UseCase, row: str) -> str:
    """SQL: 'closed', 'stale' or 'fresh' for the score in ``row``, with ``:late``.

    A quiet entity is not stale. A row is stale when the entity's newest row was rejected, or where the newest published
    window is late, that is, ended before the deadline.
    """
    stored = f"{row}.{use_case.entity.key}"
    return (
        f"CASE WHEN {closed_sql(use_case, stored)} THEN 'closed' "
        f"WHEN CAST(:late AS boolean) OR EXISTS ({refused_sql(use_case, f'{stored}::text')}) "
        "THEN 'stale' ELSE 'fresh' END"
    )


def refused_sql(use_case: UseCase, key: str | None = None) -> str:
    """SQL: keys, canonical, whose newest row in a published window was rejected; an accepted one takes it back.

    With ``key`` (SQL of a text) that one alone.
    """
    entity, rejected = use_case.entity, names.rejected_table(use_case)
    only = f" AND {entity.same_key('r.key')} = {entity.same_key(key)}" if key else ""
    return (
        f"SELECT {entity.same_key('r.key')} FROM {rejected} AS r JOIN ops.windows AS w USING (window_id) "
        f"WHERE w.status = 'published' AND r.key IS NOT NULL{only} AND NOT EXISTS ({_accepted_since(use_case)})"
    ) + (_unprepared(use_case, only) if use_case.has_events else "")


def _accepted_since(use_case: UseCase) -> str:
    """SQL: accepted rows of the entity that the rejected row ``r`` names, recorded when that was or later."""
    key, stored = use_case.entity.key, use_case.entity.stored_key("r.key")
    if use_case.has_events:
        return (
            f"SELECT FROM {names.facts_table(use_case)} AS a JOIN ops.windows AS v USING (window_id) "
            f"WHERE a.{key} = {stored} AND a.recorded_at >= r.recorded_at AND v.status = 'published'"
        )
    return (
        f"SELECT FROM {names.features_table(use_case)} AS a "
        f"WHERE a.{key} = {stored} AND a.event_timestamp >= r.recorded_at UNION ALL "
        f"SELECT FROM {names.confirmed_table(use_case)} AS c "
        f"WHERE c.{key} = {stored} AND c.recorded_at >= r.recorded_at"
    )


def _unprepared(use_case: UseCase, only: str) -> str:
    """SQL, for events: and those whose features were refused after preparation, until newer ones are published."""
    entity, rejected = use_case.entity, names.rejected_table(use_case)
    return (
        f" UNION SELECT {entity.same_key('r.key')} FROM {rejected} AS r JOIN ops.windows AS w USING (window_id) "
        f"WHERE w.status = 'published' AND r.suite = 'features'{only} AND NOT EXISTS ("
        f"SELECT FROM {names.features_table(use_case)} AS f WHERE f.{entity.key}::text = r.key "
        "AND (f.event_timestamp > r.recorded_at OR f.event_timestamp = r.recorded_at AND f.window_id > r.window_id))"
    )


def judge(
    connection: Connection, use_case: UseCase, generation: int, totals: Totals, late: bool, known: int, rejected: int
) -> Totals:
    """Bring the statuses of a generation up to date; its totals then, which were ``totals``.

    Only rows are looked at whose status can have changed: those of entities with outcomes that windows after ``known``
    brought, or with rows that windows after ``rejected`` set aside, and those that are stale now (where the newest
    window is ``late``, those that are fresh). Rows that are not published yet are issued with that status.
    """
    values = {"generation": generation, "late": late, "known": known, "rejected": rejected}
    reopens = any(rows for (_, _, status), rows in totals.items() if status == "closed")
    with one_by_one(connection):
        found = connection.execute(text(_judge_sql(use_case, late, reopens)), values)
    judged = Counter(totals)
    for version, band, before, status, rows in found:
        judged[version, band, before] -= rows
        judged[version, band, status] += rows
    return +judged


def _judge_sql(use_case: UseCase, late: bool, reopens: bool) -> str:
    """``reopens``: some rows are closed, which any outcome may change; else only one that closes changes anything."""
    rows, key = names.score_rows_table(use_case), use_case.entity.key
    return (
        f"WITH candidate AS MATERIALIZED (SELECT {key} FROM {names.labels_table(use_case)} "
        f"WHERE window_id > :known{'' if reopens else ' AND closed'} "
        # What was corrected may have been what closed an entity or kept it open.
        f"UNION SELECT {key} FROM {names.replaced_labels_table(use_case)} WHERE replaced_by > :known "
        f"UNION SELECT {use_case.entity.stored_key('key')} FROM {names.rejected_table(use_case)} "
        "WHERE window_id > :rejected AND key IS NOT NULL "
        f"UNION SELECT {key} FROM {rows} "
        f"WHERE generation = :generation AND status = '{'fresh' if late else 'stale'}'), "
        f"judged AS MATERIALIZED (SELECT s.at, s.status AS before, {status_sql(use_case, 'c')} AS status "
        f"FROM candidate AS c CROSS JOIN LATERAL (SELECT ctid AS at, status FROM {rows} AS o "
        f"WHERE o.generation = :generation AND o.{key} = c.{key} LIMIT 1) AS s), "
        f"changed AS (UPDATE {rows} AS s SET status = judged.status, issued_status = CASE WHEN "
        f"s.generation IN (SELECT generation FROM {names.score_runs_table(use_case)} WHERE published IS NULL) "
        "THEN judged.status ELSE s.issued_status END FROM judged "
        "WHERE s.ctid = judged.at AND judged.status <> judged.before "
        "RETURNING s.model_version, s.band, judged.before, judged.status) "
        "SELECT model_version, band, before, status, count(*) FROM changed GROUP BY 1, 2, 3, 4"
    )
