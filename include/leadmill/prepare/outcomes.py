"""Outcomes of a window, by the use case's ``sql/labels.sql`` over its accepted rows."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import exc

from leadmill import names
from leadmill.errors import LabelsFailed
from leadmill.queries import without_comments
from leadmill.spec import UseCase
from leadmill.storage.ddl import label_columns
from leadmill.storage.faults import fault
from leadmill.storage.literals import pyformat

_WHOLE, _NUMBERS = ("int2", "int4", "int8"), ("int2", "int4", "int8", "numeric", "float4", "float8")
_TYPES = {
    "closed": (("bool",), "true or false"),
    "occurred_at": (("timestamptz",), "a time with its zone (timestamptz)"),
    "known_at": (("timestamptz",), "a time with its zone (timestamptz)"),
}


def outcomes_sql(use_case: UseCase) -> str:
    """SQL with one bound value, ``window``: key, label, closed, occurred_at and known_at of each outcome.

    ``sql/labels.sql`` reads the relation ``accepted``: of a snapshot the accepted rows (key, recorded_at, label), which
    are staged when the window is published, of an event source the typed facts of the window.
    """
    rows = (
        f"SELECT window_id, row_no, event_timestamp AS recorded_at, {use_case.entity.key}, label "
        f"FROM {names.staging_table(use_case)} AS s WHERE window_id = :window AND NOT EXISTS ("
        f"SELECT FROM {names.rejected_table(use_case)} AS r WHERE r.window_id = :window AND r.row_no = s.row_no)"
    )
    facts = f"SELECT * FROM {names.facts_table(use_case)} WHERE window_id = :window"
    query = without_comments(use_case.sql("labels")).strip().rstrip(";")
    return f"WITH accepted AS ({facts if use_case.has_events else rows}) SELECT * FROM ({query}\n) AS outcomes"


def check_outcomes(connection: psycopg.Connection, use_case: UseCase) -> None:
    """Raise LabelsFailed unless ``sql/labels.sql`` gives every column that it must, in its type; no row is read."""
    with faults_said(use_case):
        asked = f"SELECT * FROM ({pyformat(outcomes_sql(use_case))}) AS o LIMIT 0"
        described = connection.execute(asked.encode(), {"window": 0}).description or []
    found = {}
    for column in described:
        known = connection.adapters.types.get(column.type_code)
        found[column.name] = known.name if known else "of another type"
    wanted = [column.name for column in label_columns(use_case) if column.name != "window_id"]
    lacking = [name for name in wanted if name not in found]
    if lacking:
        raise LabelsFailed(use_case.name, f"it lacks {', '.join(lacking)}; it must give {', '.join(wanted)}")
    labels = (_NUMBERS, "a number") if use_case.label.aggregate else (_WHOLE, "1, 0 or null")
    for name, (allowed, meant) in {"label": labels, **_TYPES}.items():
        if found[name] not in allowed:
            raise LabelsFailed(use_case.name, f"its column {name} is {found[name]}; allowed: {meant}")


@contextmanager
def faults_said(use_case: UseCase) -> Iterator[None]:
    """What Postgres says of a statement around ``sql/labels.sql`` is raised as LabelsFailed, in one line."""
    try:
        yield
    except (psycopg.ProgrammingError, psycopg.DataError) as error:
        raise LabelsFailed(use_case.name, fault(error)) from error
    except (exc.ProgrammingError, exc.DataError) as error:
        raise LabelsFailed(use_case.name, fault(error.orig)) from error
