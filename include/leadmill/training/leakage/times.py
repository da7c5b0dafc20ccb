"""When features and outcomes were recorded: what Postgres knows about it."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from leadmill import names
from leadmill.columns import UNKNOWN_LEVEL, Column
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.training.leakage.cases import wilson
from leadmill.training.leakage.findings import (
    CHANGED_LATER,
    FEATURES_SQL,
    FROM_THE_FUTURE,
    OUTCOME_TIMES,
    RECORDED_AFTER,
    ROW_TIMES,
    Finding,
)

# Fewer are accidents: a clock that is wrong, a row that was mended.
LEAST_ROWS, LEAST_SHARE = 5, 0.001
LEAST_PAIRS = 20
LEAST_ENTITIES, CAME_WITH = 30, 0.5
_STORED = re.compile(r"\b(?:from|join)\s+((?:raw|rejected|staging|features|online|scores|ops)\.\w+)", re.IGNORECASE)
_WALL_TIME = re.compile(r"\b(?:now\s*\(|clock_timestamp|current_timestamp|current_date|localtime)", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def past_the_door(use_case: UseCase) -> list[Finding]:
    """What ``sql/features.sql`` reads beside the rows that it is given; those are the only ones known at the moment."""
    written = _COMMENT.sub(" ", use_case.sql("features") if use_case.derives else "")
    reads = sorted({*_STORED.findall(written), *(match.strip("( ") for match in _WALL_TIME.findall(written))})
    if not reads:
        return []
    sentence = f"sql/features.sql reads {', '.join(reads)}: that holds what was recorded after the moment of a row"
    return [Finding(RECORDED_AFTER, FEATURES_SQL, sentence, {"reads": reads})]


def future_times(use_case: UseCase, moment: datetime) -> list[Finding]:
    """Outcomes dated after they were recorded, outcomes and feature rows dated after ``moment`` (now)."""
    labels, features = names.labels_table(use_case), names.features_table(use_case)
    lag = use_case.source.safety_lag
    asked = {
        OUTCOME_TIMES: (
            "SELECT count(*) AS rows, "
            "count(*) FILTER (WHERE occurred_at > known_at + :lag OR known_at > :now) AS late, "
            f"max(occurred_at - known_at) AS most FROM {labels} WHERE label IS NOT NULL",
            "outcomes are dated after they were recorded, or after now",
        ),
        ROW_TIMES: (
            f"SELECT count(*) AS rows, count(*) FILTER (WHERE event_timestamp > :now) AS late, "
            f"max(event_timestamp - CAST(:now AS timestamptz)) AS most FROM {features}",
            "feature rows are dated after now",
        ),
    }
    found = []
    for subject, (statement, what) in asked.items():
        row = _rows(statement, {"lag": lag, "now": moment})[0]
        if row["late"] >= max(LEAST_ROWS, LEAST_SHARE * row["rows"]):
            sentence = f"{row['late']:,} of {row['rows']:,} {what}, by up to {row['most']}"
            figures = {"rows": row["rows"], "late": row["late"], "most": str(row["most"])}
            found.append(Finding(FROM_THE_FUTURE, subject, sentence, figures))
    return found


def rewritten_columns(use_case: UseCase) -> list[Finding]:
    """Columns whose values of a past event time were written anew after the label was known, and oftener than before.

    Rows of one entity, event time and spec are compared with those they replaced. A column counts when it changed in
    LEAST_PAIRS of them and its share of changes is surely above that among rows replaced while the label was open.
    """
    found = []
    for column, row in _counted(use_case, _rewritten(use_case)):
        after, before = row["after_changed"], row["before_changed"]
        usual = wilson(before / row["before"], row["before"])[1] if row["before"] >= LEAST_PAIRS else 0.0
        share = after / row["after"] if row["after"] else 0.0
        if after < LEAST_PAIRS or wilson(share, row["after"])[0] <= usual:
            continue
        sentence = (
            f"{after:,} of {row['after']:,} values of a past time that were written again after the label was known "
            f"are others now; of those written again before: {before:,} of {row['before']:,}"
        )
        found.append(Finding(CHANGED_LATER, column.name, sentence, dict(row)))
    return found


def came_with_outcome(use_case: UseCase) -> list[Finding]:
    """Columns of a snapshot that entities have since their outcome was known and did not have before.

    An event source's training rows never reach that far: they end before the outcome.
    """
    if use_case.has_events:
        return []
    found = []
    for column, row in _counted(use_case, _arrived(use_case)):
        share = row["after_changed"] / row["after"] if row["after"] else 0.0
        if row["after_changed"] < LEAST_ENTITIES or share < CAME_WITH:
            continue
        sentence = (
            f"{row['after_changed']:,} of {row['after']:,} entities that have it and were known before their outcome "
            "got it together with the outcome or after it"
        )
        found.append(Finding(RECORDED_AFTER, column.name, sentence, dict(row)))
    return found


def _counted(use_case: UseCase, statement: str) -> list[tuple[Column, dict[str, Any]]]:
    """Each input with ``after, before`` (rows compared) and ``after_changed, before_changed``; none where no rows."""
    counted = _rows(statement, {})[0]
    parts = ("after", "before", "after_changed", "before_changed")
    return [
        (column, {part: int(counted[f"{part}_{at}"] or 0) for part in parts})
        for at, column in enumerate(use_case.inputs)
    ]


def _outcomes(use_case: UseCase) -> str:
    key = use_case.entity.key
    return (
        f"outcome AS (SELECT {key}, min(known_at) AS known_at FROM {names.labels_table(use_case)} "
        f"WHERE label IS NOT NULL GROUP BY {key})"
    )


def _rewritten(use_case: UseCase) -> str:
    """One row of counts over (older, newer) pairs of rows of the same entity, event time and spec."""
    key, features = use_case.entity.key, names.features_table(use_case)
    same = f"{key}, event_timestamp, spec_version"
    values = ", ".join(f"{_known(column)} AS v{at}" for at, column in enumerate(use_case.inputs))
    older = ", ".join(f"lag(v{at}) OVER w AS o{at}" for at in range(len(use_case.inputs)))
    counts = ", ".join(
        f"count(*) FILTER (WHERE known) AS after_{at}, count(*) FILTER (WHERE NOT known) AS before_{at}, "
        f"count(*) FILTER (WHERE known AND o{at} IS DISTINCT FROM v{at}) AS after_changed_{at}, "
        f"count(*) FILTER (WHERE NOT known AND o{at} IS DISTINCT FROM v{at}) AS before_changed_{at}"
        for at in range(len(use_case.inputs))
    )
    return (
        f"WITH {_outcomes(use_case)}, "
        f"twice AS (SELECT {same} FROM {features} GROUP BY {same} HAVING count(*) > 1), "
        f"written AS (SELECT {same}, created_timestamp, {values} FROM {features} JOIN twice USING ({same})), "
        f"paired AS (SELECT *, {older}, row_number() OVER w AS n FROM written "
        f"WINDOW w AS (PARTITION BY {same} ORDER BY created_timestamp)) "
        f"SELECT {counts} FROM (SELECT p.*, coalesce(o.known_at <= p.created_timestamp, false) AS known "
        f"FROM paired AS p LEFT JOIN outcome AS o USING ({key}) WHERE n > 1) AS pairs"
    )


def _arrived(use_case: UseCase) -> str:
    """One row of counts over entities with a feature row from before their outcome was known, and one from after."""
    key, features = use_case.entity.key, names.features_table(use_case)
    newest = f"ORDER BY {key}, event_timestamp DESC, created_timestamp DESC"
    values = ", ".join(f"{_known(column)} AS v{at}" for at, column in enumerate(use_case.inputs))
    counts = ", ".join(
        f"count(*) FILTER (WHERE u.v{at} IS NOT NULL) AS after_{at}, 0 AS before_{at}, 0 AS before_changed_{at}, "
        f"count(*) FILTER (WHERE u.v{at} IS NOT NULL AND b.v{at} IS NULL) AS after_changed_{at}"
        for at in range(len(use_case.inputs))
    )
    held = (
        f"SELECT DISTINCT ON ({key}) {key}, {values} FROM {features} JOIN outcome USING ({key}) WHERE event_timestamp"
    )
    return (
        f"WITH {_outcomes(use_case)}, earlier AS ({held} < known_at {newest}), used AS ({held} >= known_at {newest}) "
        f"SELECT {counts} FROM earlier AS b JOIN used AS u USING ({key})"
    )


def _known(column: Column) -> str:
    """SQL of the value before filling, null where it was missing."""
    if column.has_flag:
        return f"CASE WHEN {column.flag} THEN NULL ELSE {column.name} END"
    return f"nullif({column.name}, '{UNKNOWN_LEVEL}')" if column.type == "category" else column.name


def _rows(statement: str, values: dict[str, Any]) -> Sequence[dict[str, Any]]:
    with engine().connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(statement), values)]
