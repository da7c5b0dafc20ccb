"""Set aside the rows of a window that break a rule: whole, with every rule that they broke."""

from collections.abc import Iterable
from dataclasses import dataclass

import psycopg
from sqlalchemy import Connection, text

from leadmill import names
from leadmill.extract.windows import Window
from leadmill.quality.judge import judge
from leadmill.quality.keys import SeenKeys
from leadmill.quality.rules import all_rules, once_rule
from leadmill.quality.suites import FeatureRule
from leadmill.spec import UseCase
from leadmill.storage.literals import literal

_KEY_LENGTH = 200


@dataclass(frozen=True)
class Quarantined:
    """Rows judged, rows set aside, and rows by rule that they broke (a row may break several).

    ``keys_once`` is whether each was seen to be about another entity.
    """

    judged: int
    rejected: int
    broken: dict[str, int]
    keys_once: bool


def set_aside_raw(connection: psycopg.Connection, use_case: UseCase, window: Window) -> Quarantined:
    """Judge every raw row of the window; those that break a rule replace what ``rejected.<use case>`` has of it."""
    raw, rejected = names.raw_table(use_case), names.rejected_table(use_case)
    values = {"window": window.window_id}
    connection.execute(b"CREATE TEMP TABLE broken (row_no bigint, rules text[]) ON COMMIT DROP")
    judged = 0
    # Facts about one entity may share a recorded time.
    seen = None if use_case.has_events else SeenKeys(use_case.entity)
    for rows, found in judge(use_case, window.window_id):
        judged += len(rows)
        if seen:
            seen.add(rows)
        if found:
            with connection.cursor().copy(b"COPY broken FROM STDIN") as copy:
                for row in found:
                    copy.write_row(row)
    if seen and seen.perhaps_twice():
        _add_repeated(connection, use_case, window)
    connection.execute(f"DELETE FROM {rejected} WHERE window_id = %(window)s AND suite = 'raw'".encode(), values)
    inserted = connection.execute(
        f"INSERT INTO {rejected} (window_id, row_no, suite, recorded_at, key, rules, row) "
        f"SELECT r.window_id, row_no, 'raw', r.recorded_at, left(r.{use_case.entity.key}, {_KEY_LENGTH}), rules, "
        f"to_jsonb(r) FROM broken JOIN {raw} AS r USING (row_no) WHERE r.window_id = %(window)s".encode(),
        values,
    ).rowcount
    if inserted:
        connection.execute(_figures(rejected).encode())
    counted = connection.execute(b"SELECT rule, count(*) FROM broken, unnest(rules) AS rule GROUP BY rule")
    by_rule = {str(rule): int(rows) for rule, rows in counted}
    return Quarantined(judged, inserted, by_rule, seen is not None and seen.each_once)


def _add_repeated(connection: psycopg.Connection, use_case: UseCase, window: Window) -> None:
    """Add the rows of a snapshot whose key came before in the window with the same recorded time."""
    raw, key = names.raw_table(use_case), use_case.entity.same_key(use_case.entity.key)
    connection.execute(
        f"WITH keyed AS (SELECT {key} AS spelled, recorded_at FROM {raw} WHERE window_id = %(window)s "
        "GROUP BY spelled, recorded_at HAVING count(*) > 1), "
        "numbered AS (SELECT row_no, row_number() OVER (PARTITION BY spelled, recorded_at ORDER BY row_no) AS n "
        f"FROM (SELECT row_no, recorded_at, {key} AS spelled FROM {raw} WHERE window_id = %(window)s) AS rows "
        "JOIN keyed USING (spelled, recorded_at)) "
        "MERGE INTO broken AS b USING (SELECT row_no FROM numbered WHERE n > 1) AS r ON b.row_no = r.row_no "
        "WHEN MATCHED THEN UPDATE SET rules = ARRAY(SELECT rule FROM unnest(b.rules || %(once)s::text) AS rule "
        "ORDER BY array_position(%(suite)s::text[], rule)) "
        "WHEN NOT MATCHED THEN INSERT VALUES (r.row_no, ARRAY[%(once)s::text])".encode(),
        {
            "window": window.window_id,
            "once": once_rule(use_case).name,
            "suite": [rule.name for rule in all_rules(use_case)],
        },
    )


def set_aside_features(
    connection: Connection, use_case: UseCase, window: Window, rules: Iterable[FeatureRule]
) -> dict[str, int]:
    """Set aside, in one statement, every prepared row that breaks one of these rules; rows per rule."""
    rejected, staging = names.rejected_table(use_case), names.staging_table(use_case)
    # A snapshot's prepared row is shown as its raw row; one of an event source comes from many facts.
    shown, recorded = (
        (staging, "event_timestamp") if use_case.has_events else (names.raw_table(use_case), "recorded_at")
    )
    key = f"left(r.{use_case.entity.key}::text, {_KEY_LENGTH})"
    broken = ", ".join(f"CASE WHEN NOT ({rule.predicate}) THEN {literal(rule.name)} END" for rule in rules)
    values = {"window": window.window_id}
    connection.execute(text(f"DELETE FROM {rejected} WHERE window_id = :window AND suite = 'features'"), values)
    if not broken:
        return {}
    connection.execute(
        text(
            "WITH judged AS MATERIALIZED ("
            f" SELECT row_no, array_remove(ARRAY[{broken}], NULL) AS rules"
            f" FROM {staging} AS batch WHERE window_id = :window) "
            f"INSERT INTO {rejected} (window_id, row_no, suite, recorded_at, key, rules, row) "
            f"SELECT :window, row_no, 'features', r.{recorded}, {key}, rules, to_jsonb(r) "
            f"FROM judged JOIN {shown} AS r USING (row_no) WHERE r.window_id = :window AND cardinality(rules) > 0"
        ),
        values,
    )
    connection.execute(text(_figures(rejected)))
    found = connection.execute(
        text(
            f"SELECT rule, count(*) AS rows FROM {rejected}, unnest(rules) AS rule "
            "WHERE window_id = :window AND suite = 'features' GROUP BY rule"
        ),
        values,
    )
    return {row.rule: row.rows for row in found}


def _figures(rejected: str) -> str:
    """Whoever reads the accepted rows leaves these out: without figures Postgres does so pair by pair."""
    return f"ANALYZE {rejected} (window_id, row_no, suite)"
