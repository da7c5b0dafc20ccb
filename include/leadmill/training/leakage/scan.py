"""The leak scan: run before any model is fitted, recorded, and heeded unless the spec allows what it found."""

import json
import logging
from collections.abc import Sequence
from datetime import datetime

import pandas as pd
from sqlalchemy import text

from leadmill.errors import LeakFound
from leadmill.spec import UseCase
from leadmill.storage.database import engine
from leadmill.training.leakage import times
from leadmill.training.leakage.cases import Cases, beside_last, cases_of
from leadmill.training.leakage.codes import coding_columns
from leadmill.training.leakage.decides import deciding_columns
from leadmill.training.leakage.findings import Finding

log = logging.getLogger(__name__)


def scan(use_case: UseCase, frame: pd.DataFrame, moment: datetime) -> list[Finding]:
    """Every suspicion about the inputs of the use case's models, as its training ``frame`` and the stores show them.

    ``moment`` is now, by the source's clock. Nothing is fitted but rates of single columns, and nothing is written.
    """
    cases = cases_of(use_case, frame)
    return [
        *times.past_the_door(use_case),
        *times.future_times(use_case, moment),
        *times.rewritten_columns(use_case),
        *times.came_with_outcome(use_case),
        *coding_columns(cases, use_case.inputs),
        *_deciding(use_case, cases),
    ]


def _deciding(use_case: UseCase, cases: Cases) -> list[Finding]:
    """Of each column by itself and, where there is a ``label.last``, of each number beside it."""
    found = deciding_columns(cases, use_case.inputs)
    if use_case.label.last not in {column.name for column in use_case.inputs}:
        return found
    known = {one.feature for one in found}
    others = [one for one in use_case.inputs if one.type in ("int", "float") and one.name not in known]
    return found + deciding_columns(beside_last(use_case, cases), others)


def refuse_leaks(use_case: UseCase, run_key: str, frame: pd.DataFrame, moment: datetime) -> list[Finding]:
    """Scan, write what was found into ``ops.leaks``, and raise LeakFound unless ``model.allowed_leaks`` names it all.

    ``run_key`` is the training run; scanning again replaces its rows. What the spec allows is warned of and returned.
    """
    found = scan(use_case, frame, moment)
    _record(use_case, run_key, found, moment)
    allowed = use_case.model.allowed_leaks
    blocking = [one for one in found if one.feature not in allowed]
    if blocking:
        raise LeakFound(use_case.name, [(one.feature, one.kind, one.sentence) for one in blocking])
    for one in found:
        log.warning("Allowed by the spec (%s): '%s': %s", allowed[one.feature], one.feature, one.sentence)
    return found


def _record(use_case: UseCase, run_key: str, found: Sequence[Finding], moment: datetime) -> None:
    rows = [
        {
            "run": run_key,
            "name": use_case.name,
            "kind": one.kind,
            "feature": one.feature,
            "evidence": one.sentence,
            "figures": json.dumps(one.figures, default=str),
            "allowed": use_case.model.allowed_leaks.get(one.feature),
            "spec": use_case.version,
            "at": moment,
        }
        for one in found
    ]
    with engine().begin() as connection:
        connection.execute(
            text("DELETE FROM ops.leaks WHERE use_case = :name AND run_id = :run"),
            {"name": use_case.name, "run": run_key},
        )
        if rows:
            connection.execute(
                text(
                    "INSERT INTO ops.leaks (use_case, run_id, kind, feature, evidence, figures, allowed, spec_version, "
                    "found_at) VALUES (:name, :run, :kind, :feature, :evidence, CAST(:figures AS jsonb), :allowed, "
                    ":spec, :at)"
                ),
                rows,
            )
